// Reads the head of an HTTP/1.x request, strictly: what two parsers could understand differently is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"
#include "http/server.h"

namespace wasabi::http {

class H1HeadParser {
 public:
  enum class Outcome : std::uint8_t { kNeedMore, kComplete, kRefused };

  // What becomes of CONNECT.
  enum class Connect : std::uint8_t { kRefused, kTaken };

  explicit H1HeadParser(const ServerLimits& limits, Connect connect = Connect::kRefused)
      : limits_(limits), connect_(connect) {}

  // Forgets all, for the next head.
  void reset();

  // `input` starts with the first byte of the head and has grown since the call before; `head` is the same object
  // in all calls for one head. The outcome depends on the bytes only, not on how they were cut into calls.
  Outcome parse(std::string_view input, RequestHead& head);

  // Of a complete head: its bytes, and how the message goes on.
  std::size_t size() const { return line_start_; }
  bool keepAlive() const { return keep_alive_; }
  bool chunked() const { return chunked_; }
  bool expectsContinue() const { return expects_continue_; }

  // Of a refused head: the status to answer with, and why.
  std::uint16_t status() const { return status_; }
  std::string_view reason() const { return reason_; }

 private:
  std::optional<Outcome> takeLine(std::string_view line, RequestHead& head);

  // All false when the head is refused.
  bool refuse(std::uint16_t status, std::string_view reason);
  bool refuseLongHead(std::string_view head);
  bool takeRequestLine(std::string_view line, RequestHead& head);
  bool takeTarget(std::string_view target, RequestHead& head);
  bool takeAbsoluteTarget(std::string_view target, RequestHead& head);
  bool takeAuthorityTarget(std::string_view target, RequestHead& head);
  bool takeVersion(std::string_view version, RequestHead& head);
  bool takeField(std::string_view line, RequestHead& head);
  bool takeSpecialField(std::string_view name, std::string_view value, RequestHead& head, bool& pass_on);
  bool takeHost(std::string_view value, RequestHead& head);
  bool takeContentLength(std::string_view value, RequestHead& head);
  bool takeTransferEncoding(std::string_view value);
  bool takeConnection(std::string_view value);
  bool takeExpect(std::string_view value);
  static void takeUpgrade(std::string_view value, RequestHead& head);
  bool finish(RequestHead& head);

  const ServerLimits& limits_;
  const Connect connect_;
  std::size_t line_start_ = 0;
  std::size_t scanned_ = 0;  // no line end before here
  std::size_t field_count_ = 0;
  bool have_request_line_ = false;
  bool have_host_ = false;
  bool have_transfer_encoding_ = false;
  bool authority_from_target_ = false;
  bool chunked_ = false;
  bool keep_alive_ = true;
  bool asks_keep_alive_ = false;
  bool asks_close_ = false;
  bool asks_upgrade_ = false;
  bool expects_continue_ = false;
  std::size_t connection_options_ = 0;
  std::string named_by_connection_;  // comma-separated, lower case
  std::uint16_t status_ = 0;
  std::string_view reason_;
};

// Takes "Name: value" apart. False if it is no valid field line.
bool splitFieldLine(std::string_view line, std::string_view& name, std::string_view& value);

}  // namespace wasabi::http
