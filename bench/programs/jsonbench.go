// encoding/json both ways.
package main

import (
	"encoding/json"
	"fmt"
)

type entry struct {
	ID    int               `json:"id"`
	Name  string            `json:"name"`
	Score float64           `json:"score"`
	Tags  []string          `json:"tags"`
	Attr  map[string]string `json:"attr"`
	Sub   *entry            `json:"sub,omitempty"`
}

func main() {
	var list []entry
	for i := range 500 {
		list = append(list, entry{i, fmt.Sprint("name ", i), float64(i) / 3, []string{"a", "b", "c"}, map[string]string{"k": "v", "x": "y\n"}, &entry{ID: -i}})
	}
	total := 0
	for range 60 {
		data, err := json.Marshal(list)
		if err != nil {
			panic(err)
		}
		total += len(data)
		var back []entry
		if err := json.Unmarshal(data, &back); err != nil {
			panic(err)
		}
		total += len(back)
		var any any
		json.Unmarshal(data[:len(data)/2], &any)
	}
	fmt.Println(total)
}
