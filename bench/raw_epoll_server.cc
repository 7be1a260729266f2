// The yardstick of the benchmarks: the plainest correct HTTP/1.1 server that answers every GET with six bytes. One
// thread, one epoll set, one recv and one send per request, keep-alive and pipelining, a scanner that reads no more
// of a request than it must. What another server costs beyond this one is its own doing and not the kernel's.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "flags.h"

namespace wasabi::bench {
namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
constexpr std::string_view kRefusal = "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
constexpr int kBacklog = 4096;
constexpr std::size_t kMaxHeadBytes = 8192;
constexpr int kEventsPerWait = 64;

struct Head {
  std::size_t size = 0;  // bytes of the request, its empty line included
  bool keep_alive = true;
  bool accepted = true;  // a GET without a body
};

bool startsWithNoCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && strncasecmp(text.data(), prefix.data(), prefix.size()) == 0;
}

// The request at the start of `input`, or nothing when its end has not arrived.
std::optional<Head> scanHead(std::string_view input) {
  Head head;
  head.accepted = input.starts_with("GET /");
  std::size_t line_start = 0;
  while (true) {
    const std::size_t line_end = input.find('\n', line_start);
    if (line_end == std::string_view::npos) return std::nullopt;
    const std::string_view line = input.substr(line_start, line_end - line_start);
    line_start = line_end + 1;
    if (line == "\r" || line.empty()) break;
    if (startsWithNoCase(line, "connection: close")) head.keep_alive = false;
    if (startsWithNoCase(line, "content-length:") || startsWithNoCase(line, "transfer-encoding:")) {
      head.accepted = false;
    }
  }
  head.size = line_start;
  return head;
}

class Connection {
 public:
  explicit Connection(FileDescriptor socket) : socket_(std::move(socket)) {}

  // Answers all requests that have arrived; false when the connection is at its end.
  bool onReadable() {
    const ssize_t received = recv(socket_.get(), input_.data() + filled_, input_.size() - filled_, 0);
    if (received < 0) return errno == EAGAIN || errno == EINTR;
    if (received == 0) return false;
    filled_ += static_cast<std::size_t>(received);
    std::string_view rest(input_.data(), filled_);
    const bool stays_open = answer(rest);
    if (!rest.empty() && rest.size() < filled_) std::memmove(input_.data(), rest.data(), rest.size());
    filled_ = rest.size();
    return stays_open && filled_ < input_.size();
  }

 private:
  // Takes every whole request off the front of `input`.
  bool answer(std::string_view& input) {
    bool stays_open = true;
    std::size_t answers = 0;
    bool refused = false;
    while (stays_open) {
      const std::optional<Head> head = scanHead(input);
      if (!head) break;
      input.remove_prefix(head->size);
      refused = !head->accepted;
      stays_open = head->keep_alive && !refused;
      if (!refused) ++answers;
    }
    if (answers == 1 && !refused) return send(kAnswer) && stays_open;
    std::string output;
    for (std::size_t i = 0; i < answers; ++i) output += kAnswer;
    if (refused) output += kRefusal;
    return (output.empty() || send(output)) && stays_open;
  }

  // A peer that leaves so many answers unread that the socket's buffer is full is given up.
  bool send(std::string_view output) {
    return ::send(socket_.get(), output.data(), output.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(output.size());
  }

  FileDescriptor socket_;
  std::size_t filled_ = 0;
  std::array<char, kMaxHeadBytes> input_;
};

Result<FileDescriptor> listenOn(std::uint16_t port) {
  FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!listener.valid()) return fail(Error::fromErrno("socket", errno));
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Accepted sockets inherit it.
  setsockopt(listener.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(Error::fromErrno("bind to port " + std::to_string(port), errno));
  }
  if (listen(listener.get(), kBacklog) != 0) return fail(Error::fromErrno("listen", errno));
  return listener;
}

std::uint16_t portOf(const FileDescriptor& listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

void acceptOne(const FileDescriptor& listener, const FileDescriptor& epoll) {
  FileDescriptor socket(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket.valid()) return;
  const int fd = socket.get();
  auto connection = std::make_unique<Connection>(std::move(socket));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = connection.get();
  // The epoll set now names the connection's only owner; serve() takes it back at its end.
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0) static_cast<void>(connection.release());
}

Error serve(const FileDescriptor& listener) {
  const FileDescriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  epoll_event listening{};
  listening.events = EPOLLIN;
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, listener.get(), &listening) != 0) {
    return Error::fromErrno("epoll_ctl", errno);
  }
  std::array<epoll_event, kEventsPerWait> events;
  while (true) {
    const int ready = epoll_wait(epoll.get(), events.data(), kEventsPerWait, -1);
    if (ready < 0 && errno != EINTR) return Error::fromErrno("epoll_wait", errno);
    for (int i = 0; i < ready; ++i) {
      auto* connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (connection == nullptr) {
        acceptOne(listener, epoll);
      } else if (!connection->onReadable()) {
        std::unique_ptr<Connection>(connection).reset();
      }
    }
  }
}

struct Options {
  std::uint16_t port = 0;
  std::optional<int> cpu;
};

Result<Options> parseOptions(std::span<char* const> arguments) {
  Options options;
  const std::array flags{
      Flag{"--port", "N", "of the loopback address; 0 for any free one",
           store(options.port, parseNumber<std::uint16_t>)},
      Flag{"--cpu", "N", "the core to run on", store(options.cpu, parseNumber<int>)},
  };
  if (Result<void> parsed = parseFlags(arguments, flags); !parsed) return fail(std::move(parsed).error());
  return options;
}

Result<void> pinTo(int cpu) {
  if (cpu < 0 || cpu >= CPU_SETSIZE) return fail(ErrorCode::kInvalid, "--cpu is out of range");
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) return fail(Error::fromErrno("--cpu", errno));
  return {};
}

Error run(std::span<char* const> arguments) {
  const Result<Options> options = parseOptions(arguments);
  if (!options) return options.error();
  if (options->cpu) {
    if (const Result<void> pinned = pinTo(*options->cpu); !pinned) return pinned.error();
  }
  const Result<FileDescriptor> listener = listenOn(options->port);
  if (!listener) return listener.error();
  std::printf("listening on 127.0.0.1:%u\n", static_cast<unsigned>(portOf(*listener)));
  std::fflush(stdout);
  return serve(*listener);
}

}  // namespace
}  // namespace wasabi::bench

int main(int argc, char** argv) {
  const std::span<char* const> arguments(argv, static_cast<std::size_t>(argc));
  const wasabi::Error error = wasabi::bench::run(arguments.subspan(1));
  std::fprintf(stderr, "raw-epoll-server: %s\n", error.message().c_str());
  return 1;
}
