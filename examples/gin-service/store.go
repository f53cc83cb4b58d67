package main

import (
	"encoding/xml"
	"slices"
	"sync"
)

// book is an entry of the store. Binding validates it.
type book struct {
	XMLName xml.Name `json:"-" xml:"book"`
	ID      int      `json:"id" xml:"id,attr"`
	Title   string   `json:"title" xml:"title" binding:"required,min=2"`
	Author  string   `json:"author" xml:"author" binding:"required"`
	Year    int      `json:"year" xml:"year" binding:"gte=0,lte=2100"`
	Tags    []string `json:"tags,omitempty" xml:"tags>tag,omitempty" binding:"max=5,dive,alphanum"`
}

// store keeps books in memory.
type store struct {
	mu    sync.RWMutex
	next  int
	books map[int]book
}

func newStore() *store {
	s := &store{next: 1, books: make(map[int]book)}
	s.add(book{Title: "The Go Programming Language", Author: "Donovan and Kernighan", Year: 2015})
	s.add(book{Title: "The Rust Programming Language", Author: "Klabnik and Nichols", Year: 2018})
	return s
}

// add stores a book under a new id and returns it.
func (s *store) add(b book) book {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.ID = s.next
	s.next++
	s.books[b.ID] = b
	return b
}

// get returns the book with an id.
func (s *store) get(id int) (book, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.books[id]
	return b, ok
}

// remove deletes a book; false if there was none.
func (s *store) remove(id int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.books[id]
	delete(s.books, id)
	return ok
}

// all returns the books ordered by id.
func (s *store) all() []book {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]book, 0, len(s.books))
	for _, b := range s.books {
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b book) int { return a.ID - b.ID })
	return out
}
