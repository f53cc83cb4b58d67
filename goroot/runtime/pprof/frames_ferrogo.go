package pprof

// expandInlinedFrames gives every inlined function of a stack a pc of its own. (That of a Frame does not tell inlined functions
// apart.)
func expandInlinedFrames(dst, pcs []uintptr) int { return pprof_fpunwindExpand(dst, pcs) }
