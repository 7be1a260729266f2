// The yardstick of the queue-proxy: a reverse proxy as a Go programmer would write it on net/http/httputil, with the
// work of a queue-proxy that every request is charged for. HTTP/1.1 and cleartext HTTP/2 on one port, concurrency
// weighted by time, a timeout for each request, Forwarded, shared copy buffers, no compression.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

type statistics struct {
	mutex       sync.Mutex
	last        time.Time
	open        float64
	openSeconds float64
	requests    uint64
}

func (s *statistics) change(by float64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := time.Now()
	s.openSeconds += s.open * now.Sub(s.last).Seconds()
	s.last = now
	s.open += by
	if by > 0 {
		s.requests++
	}
}

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, 32*1024)
}

func (b *buffers) Put(buffer []byte) { b.pool.Put(&buffer) }

func transport(http2 bool) *http.Transport {
	made := http.DefaultTransport.(*http.Transport).Clone()
	made.Proxy = nil
	made.DisableCompression = true
	made.MaxIdleConns = 1000
	made.MaxIdleConnsPerHost = 1000
	if http2 {
		made.Protocols = new(http.Protocols)
		made.Protocols.SetUnencryptedHTTP2(true)
	}
	return made
}

// Out as it came in.
type bothVersions struct{ http1, http2 *http.Transport }

func (b bothVersions) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.ProtoMajor == 2 {
		return b.http2.RoundTrip(request)
	}
	return b.http1.RoundTrip(request)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8012", "where to listen")
	app := flag.String("app", "127.0.0.1:8080", "where the app is")
	timeout := flag.Duration("timeout", 300*time.Second, "of one request")
	flag.Parse()

	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: *app})
	proxy.Transport = bothVersions{transport(false), transport(true)}
	proxy.BufferPool = &buffers{}
	counts := &statistics{last: time.Now()}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counts.change(1)
		defer counts.change(-1)
		limited, cancel := context.WithTimeout(r.Context(), *timeout)
		defer cancel()
		if r.Header.Get("Forwarded") == "" {
			r.Header.Set("Forwarded", "for="+r.RemoteAddr)
		}
		proxy.ServeHTTP(w, r.WithContext(limited))
	})
	server := &http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: time.Minute}
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	log.Fatal(server.ListenAndServe())
}
