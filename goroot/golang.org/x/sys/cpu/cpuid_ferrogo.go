package cpu

import _ "unsafe" // for linkname

//go:linkname cpuid internal/cpu.cpuid
func cpuid(eaxArg, ecxArg uint32) (eax, ebx, ecx, edx uint32)

//go:linkname xgetbv internal/cpu.xgetbv
func xgetbv() (eax, edx uint32)
