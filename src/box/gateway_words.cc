#include "box/gateway_words.h"

#include <fmt/format.h>

#include <string>

#include "base/text.h"

namespace wasabi::box {
namespace {

constexpr std::string_view kRoute = "wasabi-route";
constexpr std::string_view kClient = "wasabi-client";
constexpr std::string_view kScheme = "wasabi-scheme";
constexpr std::string_view kBooked = "wasabi-booked";
constexpr std::string_view kNoRoom = "wasabi-no-room";
constexpr std::string_view kPrefix = ";prefix=";

}  // namespace

bool hasRoute(const http::RequestHead& request) {
  return request.headers.find(kRoute).has_value();
}

Result<GatewayRoute> gatewayRouteOf(const http::RequestHead& request) {
  const std::string_view text = request.headers.find(kRoute).value_or("");
  const std::size_t end = text.find(kPrefix);
  const auto refuse = [&] {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("Wasabi-Route is '{}', not like \"acme/hello@3;prefix=11\" with a prefix of the path", text));
  };
  if (end == std::string_view::npos) return refuse();
  auto function = parseFunctionName(text.substr(0, end), NameForm::kPlainOrNumbered);
  const auto prefix = parseDecimal<std::size_t>(text.substr(end + kPrefix.size()));
  if (!function || !prefix || *prefix > request.path().size()) return refuse();
  return GatewayRoute{std::move(*function), *prefix};
}

std::string clientOf(const http::ServerStream& stream, Front front) {
  if (front == Front::kClients) return stream.peerAddress();
  return std::string(stream.request().headers.find(kClient).value_or(""));
}

std::string_view schemeOf(const http::ServerStream& stream, Front front) {
  const http::RequestHead& request = stream.request();
  return front == Front::kClients ? request.scheme : request.headers.find(kScheme).value_or("http");
}

void addBooking(http::Fields& headers, ByteSize booked) {
  std::string bytes;
  appendDecimal(bytes, booked.value);
  headers.add(kBooked, bytes);
}

void sendNoRoom(http::ServerStream& stream, std::string_view why) {
  http::ResponseHead head;
  head.status = 503;
  head.headers.add(kNoRoom, why);
  stream.sendHead(head, 0);
  stream.finish({});
}

}  // namespace wasabi::box
