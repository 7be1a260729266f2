// A connection to the target, in either protocol. Single thread; the driver owns it and the epoll set.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file_descriptor.h"
#include "load/exchange.h"
#include "load/options.h"

namespace wasabi::bench {

// Whom a connection tells that an exchange is over. Called from within the connection: it must not call back.
class ExchangeSink {
 public:
  virtual ~ExchangeSink() = default;
  // kOk says only that a whole response came; whether it is the right one is the sink's to judge.
  virtual void finished(Exchange& exchange, Outcome outcome) = 0;
};

class Connection {
 public:
  virtual ~Connection() = default;
  // Begins an exchange; the connection must accept and have a free stream. The exchange outlives its end.
  virtual void start(Exchange& exchange) = 0;
  // Gives an exchange up, which finishes it as a timeout.
  virtual void abandon(Exchange& exchange) = 0;
  // Reads and writes what the socket is ready for.
  virtual void onEvents(std::uint32_t epoll_events) = 0;
  // Writes what start() and onEvents() left to write.
  virtual void flush() = 0;
  // False once the connection can serve no further exchange; all of its exchanges are finished then.
  virtual bool alive() const = 0;
  // False while the connection only finishes what it has (the server said goodbye), and when it is not alive.
  virtual bool accepting() const = 0;
  // What the epoll set must watch for.
  virtual std::uint32_t wantedEvents() const = 0;
  virtual int fd() const = 0;
};

// Opens a connection; takes `options.timeout` at most. `options` and `sink` must outlive it.
Result<std::unique_ptr<Connection>> connect(const Options& options, ExchangeSink& sink);

// The parts that connect() is made of.
std::unique_ptr<Connection> makeHttp1Connection(FileDescriptor socket, const Options& options, ExchangeSink& sink);
Result<std::unique_ptr<Connection>> makeHttp2Connection(FileDescriptor socket, const Options& options,
                                                        ExchangeSink& sink);

// What request bodies are made of; as many bytes as one write is worth.
constexpr std::size_t kBodyBlockBytes = 64 * 1024;
const char* bodyBlock();

}  // namespace wasabi::bench
