// Reads the response to one request out of the bytes of a connection, without doing any I/O. Stricter than most: a
// response whose framing could be read in two ways is malformed.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "http/client_body.h"
#include "http/message.h"

namespace wasabi::http {

class ResponseParser {
 public:
  // `to_head`: the request was HEAD. `upgrade`: the protocols it asked for, with commas. Interim responses are counted
  // into `max_header_bytes`.
  ResponseParser(bool to_head, std::size_t max_header_bytes, std::string upgrade = {});
  ~ResponseParser();
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  // Order: kInterim any number of times, kHead once, kData any number of times, kEnd once; kMalformed ends it anywhere.
  // kUpgrade in place of kHead: all that follows is data, until the connection ends.
  ResponseStep next(std::span<const std::byte> input);
  // The connection has ended: whether the response has, too.
  bool endsWithConnection() const { return body_ && body_->endsWithConnection(); }

  // Valid from kHead or kUpgrade on, and until the next step after kInterim.
  const ResponseHead& head() const { return head_; }
  const Fields& trailers() const { return body_->trailers(); }  // after kEnd
  // After kEnd: the connection may carry another request.
  bool reusable() const { return reusable_; }
  // Why it is malformed.
  const std::string& fault() const { return fault_; }

 private:
  class HeadParser;

  ResponseStep nextOfHead(std::span<const std::byte> input);
  ResponseStep onInterim(std::size_t taken);
  bool switchesAsAsked() const;
  void onHead();
  void takeFields();
  ResponseStep malformed(const std::string& fault);

  const bool to_head_;
  const std::string upgrade_;
  const ServerLimits limits_;  // those on header bytes and count
  std::size_t header_bytes_ = 0;
  std::string begun_;  // of a head that is not complete, received and not yet parsed
  std::unique_ptr<HeadParser> parser_;
  ResponseHead head_;
  std::optional<BodyDecoder> body_;  // once the head is complete
  bool reusable_ = false;
  std::string fault_;
};

}  // namespace wasabi::http
