module wasabi.dev/bench/go_proxy

go 1.24
