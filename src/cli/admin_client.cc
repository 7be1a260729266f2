#include "cli/admin_client.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_descriptor.h"
#include "base/text.h"
#include "http/client_response.h"

namespace wasabi::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kUsualListener = "127.0.0.1:8080";
constexpr std::size_t kMostHeaderBytes = 64 << 10;
constexpr std::size_t kMostBodyBytes = 64 << 20;

struct Target {
  sockaddr_storage address{};
  socklen_t size = 0;
};

Result<Target> unixTarget(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalid, "that is no path of a unix socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Target target;
  std::memcpy(&target.address, &address, sizeof address);
  target.size = sizeof address;
  return target;
}

Result<Target> tcpTarget(const std::string& text) {
  const HostAndPort parts = splitAuthority(text);
  if (parts.host.empty() || parts.port.empty()) {
    return fail(ErrorCode::kInvalid, "expected 'unix:/path', 'host:port' or '[ipv6]:port'");
  }
  std::string host(parts.host);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failure = ::getaddrinfo(host.c_str(), std::string(parts.port).c_str(), &hints, &found); failure != 0) {
    return fail(ErrorCode::kNotFound, ::gai_strerror(failure));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  Target target;
  std::memcpy(&target.address, found->ai_addr, found->ai_addrlen);
  target.size = found->ai_addrlen;
  return target;
}

Result<FileDescriptor> connectTo(const std::string& address, Duration patience) {
  auto target = address.starts_with(kUnixPrefix) ? unixTarget(std::string_view(address).substr(kUnixPrefix.size()))
                                                 : tcpTarget(address);
  if (!target) return fail(std::move(target.error()).within(address));
  FileDescriptor socket(::socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail(Error::fromErrno("socket", errno));
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(patience).count();
  const timeval time{microseconds / 1'000'000, microseconds % 1'000'000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  const void* const place = &target->address;
  if (::connect(socket.get(), static_cast<const sockaddr*>(place), target->size) != 0) {
    return fail(Error::fromErrno("no box answers at " + address, errno));
  }
  return socket;
}

Result<void> sendAll(const FileDescriptor& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return fail(Error::fromErrno("the box does not take the question", errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

// Takes what the parser makes of `input`; whether the answer is whole.
Result<bool> take(http::ResponseParser& parser, std::span<const std::byte> input, std::string& body) {
  using Kind = http::ResponseStep::Kind;
  while (true) {
    const http::ResponseStep step = parser.next(input);
    input = input.subspan(step.taken);
    if (step.kind == Kind::kEnd) return true;
    if (step.kind == Kind::kNeedMore) return false;
    if (step.kind == Kind::kMalformed)
      return fail(ErrorCode::kInvalid, "what answers there is no box: " + parser.fault());
    if (step.kind == Kind::kData) body.append(textOf(step.data));
    if (body.size() > kMostBodyBytes) return fail(ErrorCode::kExhausted, "the answer of the box has no end");
  }
}

Result<AdminReply> receive(const FileDescriptor& socket) {
  http::ResponseParser parser(false, kMostHeaderBytes);
  AdminReply reply;
  std::array<std::byte, 16384> chunk;
  while (true) {
    const ssize_t got = ::recv(socket.get(), chunk.data(), chunk.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Error::fromErrno("the box does not answer", errno));
    if (got == 0 && !parser.endsWithConnection()) return fail(ErrorCode::kUnavailable, "the box cut its answer short");
    const auto whole = take(parser, std::span(chunk).first(static_cast<std::size_t>(got)), reply.body);
    if (!whole) return fail(whole.error());
    if (!*whole && got != 0) continue;
    reply.status = parser.head().status;
    return reply;
  }
}

std::vector<std::string> listenersIn(const std::string& folder) {
  std::vector<std::string> live;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!entry.is_socket(ignored) || entry.path().extension() != ".sock") continue;
    const std::string address = std::string(kUnixPrefix) + entry.path().string();
    // Sockets of boxes that have ended stay.
    if (connectTo(address, std::chrono::seconds(1))) live.push_back(address);
  }
  std::sort(live.begin(), live.end());
  return live;
}

}  // namespace

Result<std::string> adminAddress(const std::string& wanted, const AdminPlaces& places) {
  if (!wanted.empty()) return wanted;
  const std::string folder = usualAdminFolder(places);
  const std::vector<std::string> live = listenersIn(folder);
  std::string usual = fmt::format("{}{}/{}.sock", kUnixPrefix, folder, kUsualListener);
  if (std::find(live.begin(), live.end(), usual) != live.end()) return usual;
  if (live.size() == 1) return live.front();
  if (live.empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("no box of this user has its admin socket in {}; name it by --admin unix:/path", folder));
  }
  return fail(ErrorCode::kConflict, fmt::format("several boxes run; choose one by --admin: {}", fmt::join(live, ", ")));
}

Result<AdminReply> askAdmin(const std::string& address, const std::string& target, Duration patience) {
  auto socket = connectTo(address, patience);
  if (!socket) return fail(std::move(socket.error()));
  const std::string question = fmt::format("GET {} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n", target);
  if (auto sent = sendAll(*socket, question); !sent) return fail(std::move(sent.error()));
  return receive(*socket);
}

}  // namespace wasabi::cli
