#include "http/h1_response_head.h"

#include <charconv>
#include <cstring>

#include "http/response_fields.h"

namespace wasabi::http {

namespace {

// Room for the status line and the fields we add ourselves.
constexpr std::size_t kOwnBytes = 256;

// Writes into memory that was made large enough before.
class Pen {
 public:
  explicit Pen(char* at) : start_(at), at_(at) {}

  void text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void number(std::uint64_t number) { at_ = std::to_chars(at_, at_ + 20, number).ptr; }
  void field(std::string_view name, std::string_view value) {
    text(name);
    text(": ");
    text(value);
    text("\r\n");
  }
  std::size_t written() const { return static_cast<std::size_t>(at_ - start_); }

 private:
  char* start_;
  char* at_;
};

// An upper bound of the size of these fields as text: weight() counts 32 for what is 4 here.
std::size_t textBound(const Fields& fields) {
  return fields.weight();
}

}  // namespace

void writeResponseHead(Connection& connection, const ResponseHead& head, const H1ResponseFraming& framing) {
  Pen pen(connection.prepareOutput(kOwnBytes + textBound(head.headers) + framing.upgrade.size()));
  pen.text("HTTP/1.1 ");
  pen.number(head.status);
  pen.text(" ");
  pen.text(reasonPhrase(head.status));
  pen.text("\r\n");
  bool has_date = false;
  for (const auto field : head.headers) {
    if (!isForHandlers(field)) continue;
    pen.field(field.name, field.value);
    has_date = has_date || field.name == "date";
  }
  if (!has_date) pen.field("date", connection.context().date.value());
  if (framing.content_length) {
    pen.text("content-length: ");
    pen.number(*framing.content_length);
    pen.text("\r\n");
  }
  if (framing.chunked) pen.field("transfer-encoding", "chunked");
  if (!framing.connection.empty()) pen.field("connection", framing.connection);
  if (!framing.upgrade.empty()) pen.field("upgrade", framing.upgrade);
  pen.text("\r\n");
  connection.commitOutput(pen.written());
}

void writeLastAnswer(Connection& connection, std::uint16_t status, std::string_view reason) {
  ++connection.context().counters.malformed_requests;
  ResponseHead head;
  head.status = status;
  head.headers.add("content-type", "text/plain; charset=utf-8");
  writeResponseHead(connection, head, {.content_length = reason.size() + 1, .connection = "close"});
  connection.write(reason);
  connection.write("\n");
}

void writeLastChunk(Connection& connection, const Fields& trailers) {
  Pen pen(connection.prepareOutput(kOwnBytes + textBound(trailers)));
  pen.text("0\r\n");
  for (const auto field : trailers) {
    if (isForHandlers(field)) pen.field(field.name, field.value);
  }
  pen.text("\r\n");
  connection.commitOutput(pen.written());
}

}  // namespace wasabi::http
