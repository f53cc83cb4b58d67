package runtime

import "unsafe"

func cstrings(p unsafe.Pointer, n int) []string {
	out := make([]string, n)
	for i, s := range unsafe.Slice((**byte)(p), n) {
		out[i] = gostringnocopy(s)
	}
	return out
}

// startEnv returns the value of an environment variable as the process was started with it.
func startEnv(key string) string {
	p, n := envpData()
	for _, c := range unsafe.Slice((**byte)(p), n) {
		if s := gostringnocopy(c); len(s) > len(key) && s[len(key)] == '=' && s[:len(key)] == key {
			return s[len(key)+1:]
		}
	}
	return ""
}

//go:linkname os_runtime_args os.runtime_args
func os_runtime_args() []string { return cstrings(argvData()) }

//go:linkname boring_runtime_arg0 crypto/internal/boring.runtime_arg0
func boring_runtime_arg0() string {
	p, n := argvData()
	if n == 0 {
		return ""
	}
	return gostringnocopy(*(**byte)(p))
}

//go:linkname syscall_runtime_envs syscall.runtime_envs
func syscall_runtime_envs() []string { return cstrings(envpData()) }

//go:linkname getAuxv
func getAuxv() []uintptr {
	p, n := auxvData()
	return unsafe.Slice((*uintptr)(p), 2*n)
}

//go:linkname xsyscpu_getAuxv golang.org/x/sys/cpu.runtime_getAuxv
func xsyscpu_getAuxv() []uintptr { return getAuxv() }

// godebug is the state of $GODEBUG as package internal/godebug follows it.
var godebug struct {
	lock   mutex
	known  bool // env is valid; until then it is the value from the process start
	env    string
	update func(def, env string)
	newInc func(name string) func()
}

// godebugEvents counts the uses of a non-default behaviour of the runtime itself.
type godebugEvents struct {
	name string
	lock mutex
	inc  func()
}

var panicNilEvents = godebugEvents{name: "panicnil"}

func (e *godebugEvents) count() {
	lock(&e.lock)
	inc := e.inc
	if inc == nil {
		lock(&godebug.lock)
		newInc := godebug.newInc
		unlock(&godebug.lock)
		if newInc != nil {
			inc = newInc(e.name)
			e.inc = inc
		}
	}
	unlock(&e.lock)
	if inc != nil {
		inc()
	}
}

// godebugSetting returns the value that $GODEBUG, or else the main module, gives to a setting.
func godebugSetting(name string) string {
	lock(&godebug.lock)
	env := godebug.env
	if !godebug.known {
		env = startEnv("GODEBUG")
	}
	unlock(&godebug.lock)
	if v, ok := lastSetting(env, name); ok {
		return v
	}
	v, _ := lastSetting(module().godebug.string(), name)
	return v
}

// lastSetting finds the last name=value of a comma-separated list.
func lastSetting(list, name string) (value string, ok bool) {
	for len(list) > 0 {
		item := list
		i := 0
		for i < len(list) && list[i] != ',' {
			i++
		}
		item = list[:i]
		list = list[min(i+1, len(list)):]
		if len(item) > len(name) && item[len(name)] == '=' && item[:len(name)] == name {
			value, ok = item[len(name)+1:], true
		}
	}
	return value, ok
}

// debugPanicNil reports whether panic(nil) is to raise nil, as before Go 1.21.
func debugPanicNil() bool { return godebugSetting("panicnil") == "1" }

func godebugChanged(env string) {
	reparseGODEBUG(env)
	lock(&godebug.lock)
	godebug.known = true
	godebug.env = env
	update := godebug.update
	unlock(&godebug.lock)
	if update != nil {
		update(module().godebug.string(), env)
	}
}

//go:linkname godebug_setUpdate internal/godebug.setUpdate
func godebug_setUpdate(update func(string, string)) {
	lock(&godebug.lock)
	godebug.update = update
	env := godebug.env
	if !godebug.known {
		env = startEnv("GODEBUG")
	}
	unlock(&godebug.lock)
	update(module().godebug.string(), env)
}

//go:linkname godebug_setNewIncNonDefault internal/godebug.setNewIncNonDefault
func godebug_setNewIncNonDefault(newInc func(string) func()) {
	lock(&godebug.lock)
	godebug.newInc = newInc
	unlock(&godebug.lock)
}

//go:linkname syscall_runtimeSetenv syscall.runtimeSetenv
func syscall_runtimeSetenv(key, value string) {
	if key == "GODEBUG" {
		godebugChanged(value)
	}
}

//go:linkname syscall_runtimeUnsetenv syscall.runtimeUnsetenv
func syscall_runtimeUnsetenv(key string) {
	if key == "GODEBUG" {
		godebugChanged("")
	}
}

//go:linkname syscall_runtimeClearenv syscall.runtimeClearenv
func syscall_runtimeClearenv(env map[string]int) {
	if _, ok := env["GODEBUG"]; ok {
		godebugChanged("")
	}
}
