package strictjson

import "bytes"

// scan bounds, in one pass and without memory, what decoding the body can cost. It returns the reason to refuse
// it, or "". It does not check the grammar, and what it makes of text that is not JSON does not matter: the
// decoder refuses that afterwards.
func scan(body []byte) string {
	depth, members := 0, 0
	opened := false // the last thing seen opened an object or array
	for i := 0; i < len(body); {
		switch c := body[i]; c {
		case ' ', '\t', '\r', '\n', ':':
			i++
			continue
		case ',':
			members++
			opened = false
			i++
		case '}', ']':
			depth--
			opened = false
			i++
		default:
			if opened {
				members++ // the first one; the others follow commas
			}
			opened = c == '{' || c == '['
			if opened {
				depth++
				i++
				break
			}
			n := length(body[i:])
			if n > MaxNumber && c != '"' {
				return "a number is too long"
			}
			i += n
		}
		if depth > MaxDepth {
			return "nested too deeply"
		}
		if members > MaxMembers {
			return "too many fields and elements"
		}
	}
	return ""
}

// length is that of the string, number or word at the start of text.
func length(text []byte) int {
	if text[0] == '"' {
		return stringLength(text)
	}
	if n := bytes.IndexAny(text[:min(len(text), MaxNumber+1)], " \t\r\n,:{}[]\""); n > 0 {
		return n
	}
	return min(len(text), MaxNumber+1)
}

// stringLength looks for the closing quote: the first that an even number of backslashes precedes.
func stringLength(text []byte) int {
	for end := 1; ; end++ {
		n := bytes.IndexByte(text[end:], '"')
		if n < 0 {
			return len(text)
		}
		end += n
		slashes := 0
		for text[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1
		}
	}
}
