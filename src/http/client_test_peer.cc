#include "http/client_test_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"

namespace wasabi::http {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);

FileDescriptor listenOnLoopback(int backlog, std::uint16_t& port) {
  FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  WASABI_CHECK(listener.valid());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  WASABI_CHECK(bind(listener.get(), generic, size) == 0);
  WASABI_CHECK(listen(listener.get(), backlog) == 0);
  WASABI_CHECK(getsockname(listener.get(), generic, &size) == 0);
  port = ntohs(address.sin_port);
  return listener;
}

}  // namespace

PeerConnection::PeerConnection(int fd) : fd_(fd) {
  const timeval patience{.tv_sec = 30, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

std::string PeerConnection::readUntil(std::string_view mark) {
  std::size_t searched = 0;
  for (;;) {
    const std::size_t found = ahead_.find(mark, searched);
    searched = ahead_.size() - std::min(ahead_.size(), mark.size() - 1);
    char bytes[4096];
    const ssize_t got = found == std::string::npos ? recv(fd_.get(), bytes, sizeof bytes, 0) : 0;
    if (got <= 0) {
      const std::size_t size = found == std::string::npos ? ahead_.size() : found + mark.size();
      std::string all = ahead_.substr(0, size);
      ahead_.erase(0, size);
      return all;
    }
    ahead_.append(bytes, static_cast<std::size_t>(got));
  }
}

std::string PeerConnection::read(std::size_t size) {
  char bytes[4096];
  ssize_t got = 1;
  while (ahead_.size() < size && (got = recv(fd_.get(), bytes, sizeof bytes, 0)) > 0) {
    ahead_.append(bytes, static_cast<std::size_t>(got));
  }
  std::string all = ahead_.substr(0, size);
  ahead_.erase(0, all.size());
  return all;
}

std::string PeerConnection::readAll() {
  std::string all = std::move(ahead_);
  ahead_.clear();
  char bytes[4096];
  for (;;) {
    const ssize_t got = recv(fd_.get(), bytes, sizeof bytes, 0);
    if (got <= 0) return all;
    all.append(bytes, static_cast<std::size_t>(got));
  }
}

bool PeerConnection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void PeerConnection::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  fd_.reset();
}

Peer::Peer(Serve serve) : listener_(listenOnLoopback(64, port_)), stop_(eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread([this, serve = std::move(serve)] { run(serve); });
}

Peer::Peer(Serve serve, FileDescriptor listener) : listener_(std::move(listener)), stop_(eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread([this, serve = std::move(serve)] { run(serve); });
}

Peer::~Peer() {
  const std::uint64_t one = 1;
  WASABI_CHECK(::write(stop_.get(), &one, sizeof one) == sizeof one);
  thread_.join();
}

void Peer::run(const Serve& serve) {
  // OpenSSL writes without MSG_NOSIGNAL.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  for (int index = 0;; ++index) {
    pollfd waits[2] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    poll(waits, 2, -1);
    if (waits[1].revents != 0) return;
    PeerConnection connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    serve(connection, index);
  }
}

SocketPath::SocketPath() {
  char name[] = "/tmp/client_test.XXXXXX";
  WASABI_CHECK(mkdtemp(name) != nullptr);
  directory_ = name;
  path_ = directory_ + "/socket";
}

SocketPath::~SocketPath() {
  unlink(path_.c_str());
  rmdir(directory_.c_str());
}

FileDescriptor SocketPath::listen(int backlog) const {
  FileDescriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path_.begin(), path_.end(), address.sun_path);
  WASABI_CHECK(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  WASABI_CHECK(::listen(listener.get(), backlog) == 0);
  return listener;
}

SilentPeer::SilentPeer() : listener_(listenOnLoopback(4, port_)) {}

std::string textOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void Recorder::onHead(const ResponseHead& received) {
  head = received;
  on_head();
}
void Recorder::onBody(std::span<const std::byte> chunk) {
  body_bytes += chunk.size();
  if (keep_body) body += textOf(chunk);
  on_body();
}
void Recorder::onWritable() {
  ++writable;
  on_writable();
}
void Recorder::onContinue() {
  ++continues;
  on_continue();
}
void Recorder::onUpgrade(const ResponseHead& received) {
  upgraded = received;
  on_upgrade();
}
void Recorder::onTunnelInputEnd() {
  ++input_ends;
  on_input_end();
}
void Recorder::onEnd(const Fields& received) {
  WASABI_CHECK(!done());
  ended = true;
  trailers = received;
  on_done();
}
void Recorder::onFailure(ClientFailure why, RequestProgress how_far, const std::string& words) {
  WASABI_CHECK(!done());
  failure = why;
  progress = how_far;
  message = words;
  on_done();
}

ClientFixture::ClientFixture(const ClientLimits& limits, const MakeConnector& make_connector)
    : client(std::make_unique<Client>(loop, limits, make_connector(loop))) {}

ClientFixture::ClientFixture(const ClientLimits& limits, const ClientTls& tls) {
  auto services = openDirectServices(tls, ResolverLimits{});
  WASABI_CHECK(services.has_value());
  services->resolver = std::make_shared<Resolver>(ResolverLimits{}, [](const std::string& name) -> Result<Addresses> {
    if (name == "inside.test") return Addresses{*parseIpAddress("10.0.0.1"), *parseIpAddress("127.0.0.1")};
    if (name == "local.test" || name == "other.test") return Addresses{*parseIpAddress("127.0.0.1")};
    if (name == "second.test") return Addresses{*parseIpAddress("127.0.0.2"), *parseIpAddress("127.0.0.1")};
    return fail(ErrorCode::kNotFound, "cannot resolve '" + name + "': no such name");
  });
  client = std::make_unique<Client>(
      loop, limits, directConnector(loop, [this](const IpAddress& address) { return policy(address); }, *services));
}

ClientRequest ClientFixture::get(std::string authority, std::string target) const {
  ClientRequest request;
  request.method = "GET";
  request.authority = std::move(authority);
  request.target = std::move(target);
  return request;
}

bool ClientFixture::runUntil(const std::function<bool()>& condition) {
  const TimePoint deadline = Clock::now() + kPatience;
  Timer tick(loop);
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    tick.arm(Clock::now() + std::chrono::milliseconds(5), [] {});
    loop.waitAndRun();
  }
  return true;
}

void ClientFixture::runFor(Duration time) {
  const TimePoint end = Clock::now() + time;
  runUntil([&] { return Clock::now() >= end; });
}

Recorder& ClientFixture::fetch(const ClientRequest& request) {
  Recorder& recorder = *recorders.emplace_back(std::make_unique<Recorder>());
  auto exchange = client->start(request, recorder);
  WASABI_CHECK(runUntil([&] { return recorder.done(); }));
  return recorder;
}

Recorder& ClientFixture::begin(const ClientRequest& request) {
  Recorder& recorder = *recorders.emplace_back(std::make_unique<Recorder>());
  exchanges.push_back(client->start(request, recorder));
  return recorder;
}

}  // namespace wasabi::http
