#include "load/response_parser.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace wasabi::bench {
namespace {

// The value of `line` when it is the field `name`, else an empty view with a null pointer.
std::string_view fieldValue(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':') return {};
  if (strncasecmp(line.data(), name.data(), name.size()) != 0) return {};
  std::string_view value = line.substr(name.size() + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  return value;
}

template <typename Number>
bool readNumber(std::string_view text, Number& number, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void Exchange::takeProxyStatus(std::string_view value) {
  constexpr std::string_view kDetails = "details=\"";
  const std::size_t begin = value.find(kDetails);
  if (begin == std::string_view::npos) return;
  value.remove_prefix(begin + kDetails.size());
  reason = value.substr(0, value.find('"'));
}

void ResponseParser::begin(bool head_request) {
  phase_ = Phase::kHead;
  head_request_ = head_request;
  keep_alive_ = true;
  chunked_ = false;
  has_length_ = false;
  remaining_ = 0;
  partial_line_.clear();
}

ResponseParser::State ResponseParser::feed(std::string_view input, Exchange& exchange) {
  while (!input.empty()) {
    if (phase_ == Phase::kDone || phase_ == Phase::kBad) return State::kBad;
    if (phase_ == Phase::kLength || phase_ == Phase::kChunk || phase_ == Phase::kUntilClose) {
      takeData(input, exchange);
      continue;
    }
    const std::size_t end = input.find('\n');
    if (end == std::string_view::npos || !partial_line_.empty()) {
      partial_line_ += input.substr(0, end);
      if (partial_line_.size() > kMaxLineBytes) return State::kBad;
      if (end == std::string_view::npos) return State::kMore;
    }
    std::string_view line = partial_line_.empty() ? input.substr(0, end) : std::string_view(partial_line_);
    if (line.ends_with('\r')) line.remove_suffix(1);
    takeLine(line, exchange);
    partial_line_.clear();
    input.remove_prefix(end + 1);
  }
  if (phase_ == Phase::kBad) return State::kBad;
  return phase_ == Phase::kDone ? State::kDone : State::kMore;
}

void ResponseParser::takeLine(std::string_view line, Exchange& exchange) {
  switch (phase_) {
    case Phase::kHead:
      return takeHeadLine(line, exchange);
    case Phase::kChunkSize:
      return takeChunkSize(line);
    case Phase::kChunkEnd:
      phase_ = line.empty() ? Phase::kChunkSize : Phase::kBad;
      return;
    case Phase::kTrailers:
      if (line.empty()) phase_ = Phase::kDone;
      return;
    default:
      phase_ = Phase::kBad;
  }
}

void ResponseParser::takeHeadLine(std::string_view line, Exchange& exchange) {
  if (exchange.status == 0) {
    const bool is_status_line = line.size() >= 12 && line.starts_with("HTTP/1.");
    if (!is_status_line || !readNumber(line.substr(9, 3), exchange.status)) phase_ = Phase::kBad;
    return;
  }
  if (line.empty()) return endHead(exchange);
  if (const std::string_view length = fieldValue(line, "content-length"); length.data() != nullptr) {
    has_length_ = readNumber(length, remaining_);
    if (!has_length_) phase_ = Phase::kBad;
  } else if (const std::string_view coding = fieldValue(line, "transfer-encoding"); coding.data() != nullptr) {
    chunked_ = coding == "chunked";
    if (!chunked_) phase_ = Phase::kBad;
  } else if (const std::string_view option = fieldValue(line, "connection"); option.data() != nullptr) {
    if (option == "close") keep_alive_ = false;
  } else if (const std::string_view why = fieldValue(line, "proxy-status"); why.data() != nullptr) {
    exchange.takeProxyStatus(why);
  }
}

void ResponseParser::endHead(Exchange& exchange) {
  if (exchange.status >= 100 && exchange.status < 200) {
    exchange.status = 0;  // an interim response; the real one follows
    begin(head_request_);
  } else if (head_request_ || exchange.status == 204 || exchange.status == 304) {
    phase_ = Phase::kDone;
  } else if (chunked_) {
    phase_ = Phase::kChunkSize;
  } else if (has_length_) {
    phase_ = remaining_ == 0 ? Phase::kDone : Phase::kLength;
  } else {
    phase_ = Phase::kUntilClose;
  }
}

void ResponseParser::takeChunkSize(std::string_view line) {
  if (!readNumber(line.substr(0, line.find_first_of("; ")), remaining_, 16)) {
    phase_ = Phase::kBad;
  } else {
    phase_ = remaining_ == 0 ? Phase::kTrailers : Phase::kChunk;
  }
}

void ResponseParser::takeData(std::string_view& input, Exchange& exchange) {
  std::size_t size = input.size();
  if (phase_ != Phase::kUntilClose) {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, remaining_));
    remaining_ -= size;
  }
  exchange.takeBody(input.substr(0, size));
  input.remove_prefix(size);
  if (phase_ == Phase::kLength && remaining_ == 0) phase_ = Phase::kDone;
  if (phase_ == Phase::kChunk && remaining_ == 0) phase_ = Phase::kChunkEnd;
}

}  // namespace wasabi::bench
