// One HTTP request and its answer, by libcurl. Redirects and refusals are answers like others here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "oci/registry_options.h"
#include "oci/url.h"

namespace wasabi::oci {

// Bytes to send: a text, or a part of an open file.
struct HttpBody {
  std::string_view text;
  int fd = -1;  // not negative: the file's bytes, and `text` is not looked at
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  // of the file's part

  std::uint64_t bytes() const { return fd >= 0 ? size : text.size(); }
};

struct HttpRequest {
  std::string method = "GET";
  std::vector<std::string> fields;  // "Name: value"
  bool has_body = false;
  HttpBody body;
};

struct HttpHead {
  int status = 0;
  std::map<std::string, std::string, std::less<>> fields;  // names in lower case; several of one name joined by ", "

  std::string_view field(std::string_view name) const;
};

// Who takes the content of an answer. Empty functions take nothing.
struct HttpReceiver {
  std::function<Result<bool>(const HttpHead& head)> wants;  // false: the content is kept in HttpReply::text
  std::function<Result<void>(std::string_view bytes)> take;
  std::function<void(std::uint64_t bytes)> sent;  // of the request's body, so far
};

struct HttpReply {
  HttpHead head;
  std::string text;  // at most kMaxKeptBytes of a content that nobody wanted
};

inline constexpr std::size_t kMaxKeptBytes = 64 << 10;

// Not thread-safe. Keeps connections open for the next request.
class HttpTransfer {
 public:
  explicit HttpTransfer(RegistryOptions options);
  ~HttpTransfer();
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  // Blocks. kUnavailable and kTimeout may pass when tried again; so does a cancel, which the caller knows of.
  Result<HttpReply> perform(const Url& url, const HttpRequest& request, const HttpReceiver& receiver,
                            const std::stop_token& stop);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
  RegistryOptions options_;
};

}  // namespace wasabi::oci
