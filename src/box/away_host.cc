#include "box/away_host.h"

#include <string>

namespace wasabi::box {
namespace {

// What a guest may write to its log in one slice away from home; more waits until it is back.
constexpr std::size_t kStderrRoom = 64 * 1024;

using OwnedFields = std::vector<std::pair<std::string, std::string>>;

OwnedFields owned(std::span<const engine::FieldView> fields) {
  OwnedFields copies;
  copies.reserve(fields.size());
  for (const engine::FieldView& field : fields) copies.emplace_back(field.name, field.value);
  return copies;
}

std::vector<engine::FieldView> viewsOf(const OwnedFields& fields) {
  std::vector<engine::FieldView> views;
  views.reserve(fields.size());
  for (const auto& [name, value] : fields) views.push_back({name, value});
  return views;
}

}  // namespace

void AwayHost::playBack(engine::InvocationHost& home, engine::Invocation& guest) {
  std::vector<Call> calls = std::exchange(calls_, {});
  stderr_bytes_ = 0;
  wants_home_ = false;
  for (Call& call : calls) call(home, guest);
}

std::size_t AwayHost::outputRoom(engine::Output stream) {
  const std::size_t room = stream == engine::Output::kStderr ? kStderrRoom - stderr_bytes_ : 0;
  wants_home_ = wants_home_ || room == 0;
  return room;
}

void AwayHost::output(engine::Output stream, std::span<const std::byte> data) {
  stderr_bytes_ += data.size();
  calls_.emplace_back(
      [stream, copy = std::vector(data.begin(), data.end())](auto& home, auto&) { home.output(stream, copy); });
}

void AwayHost::inputConsumed(std::size_t size) {
  calls_.emplace_back([size](auto& home, auto&) { home.inputConsumed(size); });
}

void AwayHost::responseHead(std::uint16_t status, std::span<const engine::FieldView> headers) {
  calls_.emplace_back(
      [status, copies = owned(headers)](auto& home, auto&) { home.responseHead(status, viewsOf(copies)); });
}

void AwayHost::responseEnd(std::span<const engine::FieldView> trailers) {
  calls_.emplace_back([copies = owned(trailers)](auto& home, auto&) { home.responseEnd(viewsOf(copies)); });
}

engine::Growth AwayHost::memoryGrowth(ByteSize, ByteSize) {
  wants_home_ = true;
  return engine::Growth::kWait;
}

engine::OutboundFailure AwayHost::outboundStart(std::uint64_t id, const engine::OutboundRequest& request) {
  calls_.emplace_back([id, request, method = std::string(request.method), authority = std::string(request.authority),
                       path = std::string(request.path), headers = owned(request.headers)](auto& home, auto& guest) {
    const std::vector<engine::FieldView> views = viewsOf(headers);
    engine::OutboundRequest again = request;
    again.method = method;
    again.authority = authority;
    again.path = path;
    again.headers = views;
    const engine::OutboundFailure failure = home.outboundStart(id, again);
    if (failure != engine::OutboundFailure::kNone) guest.outboundFail(id, failure);
  });
  return engine::OutboundFailure::kNone;
}

std::size_t AwayHost::outboundRoom(std::uint64_t id) {
  // Asked again at home.
  calls_.emplace_back([id](auto&, auto& guest) { guest.outboundReady(id); });
  wants_home_ = true;
  return 0;
}

void AwayHost::outboundBody(std::uint64_t id, std::span<const std::byte> data) {
  calls_.emplace_back(
      [id, copy = std::vector(data.begin(), data.end())](auto& home, auto&) { home.outboundBody(id, copy); });
}

void AwayHost::outboundBodyEnd(std::uint64_t id, bool complete) {
  calls_.emplace_back([id, complete](auto& home, auto&) { home.outboundBodyEnd(id, complete); });
}

void AwayHost::outboundConsumed(std::uint64_t id, std::size_t size) {
  calls_.emplace_back([id, size](auto& home, auto&) { home.outboundConsumed(id, size); });
}

void AwayHost::outboundCancel(std::uint64_t id) {
  calls_.emplace_back([id](auto& home, auto&) { home.outboundCancel(id); });
}

}  // namespace wasabi::box
