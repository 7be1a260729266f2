// A Go program (GOOS=wasip1) that answers in JSON: with http = "cgi" its output begins with header lines.
package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"time"
)

type greeting struct {
	Greeting string    `json:"greeting"`
	Path     string    `json:"path"`
	Time     time.Time `json:"time"`
	Made     string    `json:"made_with"`
}

func main() {
	query, err := url.ParseQuery(os.Getenv("QUERY_STRING"))
	if err != nil {
		fmt.Printf("Status: 400 Bad Request\nContent-Type: text/plain\n\n%v\n", err)
		return
	}
	name := query.Get("name")
	if name == "" {
		name = "whoever you are"
	}
	fmt.Print("Content-Type: application/json\n\n")
	json.NewEncoder(os.Stdout).Encode(greeting{
		Greeting: "Hello, " + name,
		Path:     os.Getenv("PATH_INFO"),
		Time:     time.Now().UTC(),
		Made:     runtime.Version(),
	})
}
