#include "catalog/builder_protocol.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <type_traits>

namespace wasabi::catalog {
namespace {

constexpr std::size_t kMaxMessageBytes = 4096;

template <typename T>
void put(std::string& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
bool take(std::string_view& packet, T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (packet.size() < sizeof value) return false;
  std::memcpy(&value, packet.data(), sizeof value);
  packet.remove_prefix(sizeof value);
  return true;
}

enum class Kind : std::uint8_t { kRequest, kPromotion };
enum class Outcome : std::uint8_t { kGood, kFailed };

void putError(std::string& out, const Error& error) {
  put(out, Outcome::kFailed);
  put(out, error.code());
  out.append(error.message(), 0, kMaxMessageBytes);
}

std::optional<Error> takeError(std::string_view packet) {
  auto code = static_cast<std::uint8_t>(ErrorCode::kInternal);
  if (!take(packet, code) || code > static_cast<std::uint8_t>(ErrorCode::kInternal)) return std::nullopt;
  return Error(static_cast<ErrorCode>(code), std::string(packet));
}

// Whether the packet goes on as a good one; nothing if it is malformed.
std::optional<bool> takeOutcome(std::string_view& packet) {
  std::uint8_t outcome = 0;
  if (!take(packet, outcome) || outcome > static_cast<std::uint8_t>(Outcome::kFailed)) return std::nullopt;
  return outcome == static_cast<std::uint8_t>(Outcome::kGood);
}

}  // namespace

std::string encode(const ToBuilder& message) {
  std::string packet;
  if (const auto* promotion = std::get_if<Promotion>(&message)) {
    put(packet, Kind::kPromotion);
    put(packet, promotion->id);
    return packet;
  }
  const auto& request = std::get<BuildRequest>(message);
  put(packet, Kind::kRequest);
  put(packet, request.id);
  put(packet, request.priority);
  put(packet, request.digest.bytes);
  packet += request.module_file;
  return packet;
}

std::string encode(const Result<BuilderHello>& hello) {
  std::string packet;
  if (!hello) {
    putError(packet, hello.error());
    return packet;
  }
  put(packet, Outcome::kGood);
  put(packet, hello->key.bytes);
  packet += hello->fingerprint;
  return packet;
}

std::string encode(const Result<void>& result) {
  std::string packet;
  if (result) {
    put(packet, Outcome::kGood);
  } else {
    putError(packet, result.error());
  }
  return packet;
}

std::string encode(const BuildReply& reply) {
  std::string packet;
  put(packet, reply.id);
  return packet + encode(reply.result);
}

std::optional<ToBuilder> decodeToBuilder(std::string_view packet) {
  std::uint8_t kind = 0;
  std::uint64_t id = 0;
  if (!take(packet, kind) || !take(packet, id)) return std::nullopt;
  if (kind == static_cast<std::uint8_t>(Kind::kPromotion) && packet.empty()) return Promotion{id};
  if (kind != static_cast<std::uint8_t>(Kind::kRequest)) return std::nullopt;
  BuildRequest request;
  request.id = id;
  std::uint8_t priority = 0;
  if (!take(packet, priority) || !take(packet, request.digest.bytes)) return std::nullopt;
  if (priority > static_cast<std::uint8_t>(BuildPriority::kBackground)) return std::nullopt;
  if (packet.empty() || packet.size() > kMaxModulePathBytes || packet.find('\0') != std::string_view::npos)
    return std::nullopt;
  request.priority = static_cast<BuildPriority>(priority);
  request.module_file = packet;
  return request;
}

std::optional<Result<BuilderHello>> decodeHello(std::string_view packet) {
  const auto good = takeOutcome(packet);
  if (!good) return std::nullopt;
  if (!*good) {
    auto error = takeError(packet);
    return error ? std::optional<Result<BuilderHello>>(fail(std::move(*error))) : std::nullopt;
  }
  BuilderHello hello;
  if (!take(packet, hello.key.bytes)) return std::nullopt;
  hello.fingerprint = packet;
  return Result<BuilderHello>(std::move(hello));
}

std::optional<Result<void>> decodeResult(std::string_view packet) {
  const auto good = takeOutcome(packet);
  if (!good) return std::nullopt;
  if (*good) return packet.empty() ? std::optional<Result<void>>(Result<void>()) : std::nullopt;
  auto error = takeError(packet);
  return error ? std::optional<Result<void>>(fail(std::move(*error))) : std::nullopt;
}

std::optional<BuildReply> decodeReply(std::string_view packet) {
  BuildReply reply;
  if (!take(packet, reply.id)) return std::nullopt;
  auto result = decodeResult(packet);
  if (!result) return std::nullopt;
  reply.result = std::move(*result);
  return reply;
}

Result<void> sendPacket(int socket, std::string_view packet) {
  while (send(socket, packet.data(), packet.size(), MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET) return fail(ErrorCode::kUnavailable, "the other process is gone");
    return fail(Error::fromErrno("send", errno));
  }
  return {};
}

Result<std::string> receivePacket(int socket) {
  std::string packet(kMaxPacketBytes, '\0');
  while (true) {
    const ssize_t got = recv(socket, packet.data(), packet.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ECONNRESET) return fail(Error::fromErrno("recv", errno));
    packet.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return packet;
  }
}

}  // namespace wasabi::catalog
