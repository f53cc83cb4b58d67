package main

import (
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// page is the template of /pages/:name.
const page = `<!DOCTYPE html>
<html>
<head><title>{{ .title }}</title></head>
<body>
<h1>{{ .title }}</h1>
<ul>{{ range .books }}
<li>{{ .Title }} by {{ .Author }}</li>{{ end }}
</ul>
</body>
</html>
`

// newRouter builds the routes.
func newRouter(store *store) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery(), timing())
	router.SetHTMLTemplate(template.Must(template.New("page").Parse(page)))

	router.GET("/ping", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{"message": "pong"})
	})
	router.GET("/hello/:name", func(c *gin.Context) {
		greeting := c.DefaultQuery("greeting", "Hello")
		c.String(http.StatusOK, "%s, %s!\n", greeting, c.Param("name"))
	})
	router.GET("/files/*path", func(c *gin.Context) {
		c.String(http.StatusOK, "%s", c.Param("path"))
	})
	router.GET("/panic", func(c *gin.Context) {
		panic("a handler that panics")
	})
	router.GET("/pages/books", func(c *gin.Context) {
		c.HTML(http.StatusOK, "page", gin.H{"title": "Books", "books": store.all()})
	})

	api := router.Group("/api")
	v1 := api.Group("/v1", requireClient())
	v1.GET("/books", func(c *gin.Context) {
		limit, err := strconv.Atoi(c.DefaultQuery("limit", "10"))
		if err != nil || limit < 0 {
			c.AbortWithStatusJSON(http.StatusBadRequest, gin.H{"error": "limit must be a number"})
			return
		}
		books := store.all()
		c.JSON(http.StatusOK, gin.H{"books": books[:min(limit, len(books))], "total": len(books)})
	})
	v1.POST("/books", func(c *gin.Context) {
		var input book
		if err := c.ShouldBindJSON(&input); err != nil {
			c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
			return
		}
		c.JSON(http.StatusCreated, store.add(input))
	})
	v1.GET("/books/:id", func(c *gin.Context) {
		id, err := strconv.Atoi(c.Param("id"))
		if err != nil {
			c.JSON(http.StatusBadRequest, gin.H{"error": "id must be a number"})
			return
		}
		found, ok := store.get(id)
		if !ok {
			c.JSON(http.StatusNotFound, gin.H{"error": "no such book"})
			return
		}
		if c.Query("format") == "xml" {
			c.XML(http.StatusOK, found)
			return
		}
		c.JSON(http.StatusOK, found)
	})
	v1.DELETE("/books/:id", func(c *gin.Context) {
		id, _ := strconv.Atoi(c.Param("id"))
		if !store.remove(id) {
			c.Status(http.StatusNotFound)
			return
		}
		c.Status(http.StatusNoContent)
	})
	return router
}

// timing is a middleware that says how long a request took and numbers it.
func timing() gin.HandlerFunc {
	requests := make(chan int, 1)
	requests <- 0
	return func(c *gin.Context) {
		n := <-requests + 1
		requests <- n
		start := time.Now()
		c.Set("request", n)
		c.Header("X-Request-Number", strconv.Itoa(n))
		c.Next()
		c.Set("took", time.Since(start))
	}
}

// requireClient refuses requests that do not say who they are.
func requireClient() gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.GetHeader("X-Client") == "" {
			c.AbortWithStatusJSON(http.StatusUnauthorized, gin.H{"error": "X-Client is missing"})
			return
		}
		c.Next()
	}
}
