package api

// Raw is a JSON value that is kept as it came, to be read later: one that may be of several shapes. It is
// encoding/json's RawMessage, without bringing a JSON decoder into programs that read none.
type Raw []byte

// MarshalJSON returns the value; null when there is none.
func (r Raw) MarshalJSON() ([]byte, error) {
	if r == nil {
		return []byte("null"), nil
	}
	return r, nil
}

// UnmarshalJSON keeps a copy of the value.
func (r *Raw) UnmarshalJSON(b []byte) error {
	*r = append((*r)[:0], b...)
	return nil
}

// Given says that there is a value, and that it is not null.
func (r Raw) Given() bool { return len(r) > 0 && string(r) != "null" }
