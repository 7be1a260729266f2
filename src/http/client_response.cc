#include "http/client_response.h"

#include <utility>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <vector>

#include "http/character_class.h"

namespace wasabi::http {

namespace beast = boost::beast;
using beast::http::error;
using ErrorCode = beast::error_code;

namespace {

// Each costs a pass over the fields.
constexpr std::size_t kMaxConnectionOptions = 32;

// What Fields::weight() counts for each field besides its text.
constexpr std::size_t kFieldWeight = 32;

// Says something about the connection, or about framing that is undone here.
bool isDropped(beast::http::field field) {
  using Field = beast::http::field;
  switch (field) {
    case Field::connection:
    case Field::keep_alive:
    case Field::proxy_authenticate:
    case Field::proxy_connection:
    case Field::te:
    case Field::transfer_encoding:
    case Field::upgrade:
      return true;
    default:
      return false;
  }
}

// Beast may wait for the end of a head before it looks at its beginning.
bool begunLikeHttp(std::string_view begun) {
  constexpr std::string_view kBeginning = "HTTP/1.";
  return kBeginning.starts_with(begun.substr(0, kBeginning.size()));
}

}  // namespace

// One head, by Beast's parser: it reads the syntax, what follows from the framing fields is decided here. It is told
// to skip the body, because its chunk decoder asserts on input that a peer can send byte by byte.
class ResponseParser::HeadParser final : public beast::http::basic_parser<false> {
 public:
  explicit HeadParser(std::size_t max_bytes) {
    header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(max_bytes, UINT32_MAX)));
    skip(true);
  }

  ResponseHead head{.status = 0, .headers = {}, .reason = {}};
  bool http11 = false;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
  std::vector<std::string> connection_options;
  std::string upgrade;
  const char* fault = nullptr;

 private:
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int, ErrorCode&) override {}
  void on_response_impl(int status, beast::string_view reason, int version, ErrorCode& ec) override {
    http11 = version == 11;
    head.reason.assign(reason.data(), reason.size());
    head.status = static_cast<std::uint16_t>(status);
    if (status < 100) refuse(ec, "its status is below 100");
  }
  void on_field_impl(beast::http::field field, beast::string_view name, beast::string_view value,
                     ErrorCode& ec) override;
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(beast::string_view body, ErrorCode&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, ErrorCode&) override { return body.size(); }
  void on_finish_impl(ErrorCode&) override {}

  void refuse(ErrorCode& ec, const char* why) {
    fault = why;
    ec = error::bad_value;
  }
};

void ResponseParser::HeadParser::on_field_impl(beast::http::field field, beast::string_view name,
                                               beast::string_view value, ErrorCode& ec) {
  using Field = beast::http::field;
  const std::string_view text(value.data(), value.size());
  if (field == Field::transfer_encoding) {
    if (chunked || !equalsIgnoringCase(text, "chunked")) return refuse(ec, "its Transfer-Encoding is not 'chunked'");
    if (!http11) return refuse(ec, "it has a Transfer-Encoding in HTTP/1.0");
    chunked = true;
  } else if (field == Field::content_length) {
    const auto length = parseDecimal<std::uint64_t>(text);
    if (content_length || !length) return refuse(ec, "its Content-Length is not one decimal number");
    content_length = length;
  } else if (field == Field::connection) {
    forEachListMember(text, [this](std::string_view member) {
      const std::string option = lowerCase(member);
      connection_options.push_back(std::move(option));
    });
    if (connection_options.size() > kMaxConnectionOptions) {
      return refuse(ec, "its Connection header has too many options");
    }
  }
  if (chunked && content_length) return refuse(ec, "it has both a Content-Length and a Transfer-Encoding");
  if (field == Field::upgrade) upgrade = text;
  if (!isDropped(field)) head.headers.add({name.data(), name.size()}, text);
}

ResponseParser::ResponseParser(bool to_head, std::size_t max_header_bytes, std::string upgrade)
    : to_head_(to_head),
      upgrade_(std::move(upgrade)),
      limits_{.max_header_bytes = max_header_bytes, .max_header_count = max_header_bytes / kFieldWeight},
      parser_(std::make_unique<HeadParser>(max_header_bytes)) {}
ResponseParser::~ResponseParser() = default;

ResponseStep ResponseParser::malformed(const std::string& fault) {
  fault_ = "the response is not proper HTTP: " + fault;
  return {ResponseStep::Kind::kMalformed, 0, {}};
}

ResponseStep ResponseParser::next(std::span<const std::byte> input) {
  if (!body_) return nextOfHead(input);
  const ResponseStep step = body_->next(input);
  if (step.kind == ResponseStep::Kind::kMalformed)
    return malformed("its chunked body or trailers are broken or too large");
  return step;
}

ResponseStep ResponseParser::nextOfHead(std::span<const std::byte> input) {
  if (input.empty()) return {};
  // Beast wants all that it has not parsed yet in one piece.
  const bool continued = !begun_.empty();
  if (continued) begun_.append(textOf(input));
  const std::string_view bytes = continued ? std::string_view(begun_) : textOf(input);
  ErrorCode ec;
  const std::size_t parsed = parser_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
  const std::string_view rest = bytes.substr(parsed);
  header_bytes_ += parsed;
  const bool incomplete = ec == error::need_more;
  // Beast limits what is not parsed yet only, and fields are parsed as they come.
  const std::size_t weight = parser_->head.headers.weight();
  if (header_bytes_ + (incomplete ? rest.size() : 0) > limits_.max_header_bytes || weight > limits_.max_header_bytes) {
    return malformed("its head is larger than " + std::to_string(limits_.max_header_bytes) + " bytes");
  }
  if (incomplete && parser_->head.status == 0 && !begunLikeHttp(rest)) return malformed("it does not begin like one");
  if (incomplete) {
    begun_ = std::string(rest);
    return {ResponseStep::Kind::kNeedMore, input.size(), {}};
  }
  if (ec) return malformed(parser_->fault != nullptr ? parser_->fault : ec.message());
  // What was begun before could not complete the head, so all that is left came with this input.
  const std::size_t taken = input.size() - rest.size();
  begun_.clear();
  if (parser_->head.status < 200) return onInterim(taken);
  onHead();
  return {ResponseStep::Kind::kHead, taken, {}};
}

ResponseStep ResponseParser::onInterim(std::size_t taken) {
  if (parser_->chunked) return malformed("an interim response has a Transfer-Encoding");
  if (parser_->head.status != 101) {
    takeFields();
    parser_ = std::make_unique<HeadParser>(limits_.max_header_bytes);
    return {ResponseStep::Kind::kInterim, taken, {}};
  }
  if (!switchesAsAsked()) return malformed("it switches to a protocol that was not asked for");
  takeFields();
  head_.headers.add("upgrade", parser_->upgrade);
  body_.emplace(BodyDecoder::toTheEnd());
  parser_.reset();
  return {ResponseStep::Kind::kUpgrade, taken, {}};
}

bool ResponseParser::switchesAsAsked() const {
  bool asked = false;
  forEachListMember(upgrade_, [&](std::string_view member) {
    asked = asked || equalsIgnoringCase(parser_->upgrade, lowerCase(member));
  });
  return asked && parser_->http11;
}

void ResponseParser::onHead() {
  takeFields();
  HeadParser& parsed = *parser_;
  const bool bodiless = to_head_ || head_.status == 204 || head_.status == 304;
  if (bodiless) {
    body_.emplace(BodyDecoder::ofLength(0));
  } else if (parsed.chunked) {
    body_.emplace(BodyDecoder::chunked(limits_));
  } else if (parsed.content_length) {
    body_.emplace(BodyDecoder::ofLength(*parsed.content_length));
  } else {
    body_.emplace(BodyDecoder::toTheEnd());
  }
  // A 204 with framing comes from a peer that may send a body all the same.
  const bool doubtful = head_.status == 204 && (parsed.chunked || parsed.content_length.value_or(0) != 0);
  reusable_ = parsed.http11 && parsed.keep_alive() && !doubtful && !body_->endsWithConnection();
  parser_.reset();
}

// Of the head that has been parsed, without what is about the connection.
void ResponseParser::takeFields() {
  head_ = std::move(parser_->head);
  for (const std::string& option : parser_->connection_options) {
    if (option != "content-length") head_.headers.remove(option);
  }
}

}  // namespace wasabi::http
