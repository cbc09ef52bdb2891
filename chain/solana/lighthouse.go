package solana

// Instructions of Lighthouse, by their first byte. From the third on all are asserts, which only look and may make a
// transaction fail.
const (
	lighthouseWrite      = 0
	lighthouseClose      = 1
	lighthouseLastAssert = 17
)

// What a write to Lighthouse's memory can add to the account that the payer pays for.
const (
	memoryRent  = 128   // bytes that every account pays for
	memoryMost  = 10240 // bytes that an instruction may add
	memoryField = 32    // bytes of the longest field of an account
)

// lighthouse reads a call of Lighthouse.
func (w *walk) lighthouse(in Instruction) bool {
	f := fields{buf: in.Data}
	tag := f.u8()
	switch {
	case f.short || tag > lighthouseLastAssert:
		return false
	case tag == lighthouseWrite: // program, system program, payer, memory, source
		return w.memoryWrite(in, &f)
	case tag == lighthouseClose: // program, payer, memory
		f.u8() // number of the memory
		f.u8() // bump
		w.authority(w.at(in, 2), "MemoryClose", w.at(in, 1))
		return f.whole()
	}
	return true
}

// memoryWrite counts the rent that the written bytes may ask for.
func (w *walk) memoryWrite(in Instruction, f *fields) bool {
	f.u8() // number of the memory
	f.u8() // bump
	offset, shift := uint64(0), 0
	for more := true; more; shift += 7 {
		b := f.u8()
		if f.short || shift > 14 {
			return false
		}
		offset |= uint64(b&0x7f) << shift
		more = b&0x80 != 0
	}
	length := uint64(memoryMost)
	switch kind := f.u8(); {
	case f.short || kind > 3:
		return false
	case kind == 1, kind == 3: // a field of an account, of the clock
		length = memoryField
	case kind == 2: // bytes that stand here
		length = uint64(len(in.Data))
	}
	if payer := w.at(in, 2); payer == w.self.String() || payer == "" {
		w.rent += (memoryRent + min(offset+length, memoryMost)) * lamportsPerByte
	}
	w.authority(w.at(in, 3), "MemoryWrite", w.at(in, 2))
	return true
}
