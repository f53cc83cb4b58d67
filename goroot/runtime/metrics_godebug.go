package runtime

import "internal/godebugs"

// knownGodebug reports whether the setting is one whose non-default uses are counted.
func knownGodebug(name string) bool {
	info := godebugs.Lookup(name)
	return info != nil && !info.Opaque
}

func godebugMetricNames() []string {
	var names []string
	for _, info := range godebugs.All {
		if !info.Opaque {
			names = append(names, "/godebug/non-default-behavior/"+info.Name+":events")
		}
	}
	return names
}
