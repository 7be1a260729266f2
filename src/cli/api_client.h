// Speaks to the API of `wasabi serve` (docs/api.md): one call after the other, each within its time. For one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "cli/user_config.h"
#include "http/message.h"

namespace wasabi::cli {

struct ApiReply {
  std::uint16_t status = 0;
  http::Fields headers;
  std::string body;
};

struct ApiRequest {
  std::string method = "GET";
  std::string target;  // path and query
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  Duration patience = std::chrono::seconds(60);  // without a byte
  // In place of `body`: the next bytes each time, none at the end.
  std::function<Result<std::string>()> next_piece = {};
};

class ApiClient {
 public:
  // `server`: "http://host:port", "https://host" or "unix:/path". kInvalid says how to write one.
  static Result<std::unique_ptr<ApiClient>> open(UserConfig server);
  ~ApiClient();

  // Whatever the status. An error: nothing was answered; the message names the server and the mend. `on_chunk`, where
  // it is given, gets the body as it comes in place of the reply; false ends it.
  using OnChunk = std::function<bool(std::string_view chunk)>;
  Result<ApiReply> send(const ApiRequest& request, const OnChunk& on_chunk = {});

  // A call of the API, as JSON or what it was refused for: `path` under /-/api/v1.
  Result<std::string> call(const std::string& method, const std::string& path, std::string body = {},
                           const std::string& type = "application/json", Duration patience = std::chrono::seconds(60));

  // The same with a body that comes piece by piece; `next_piece` as ApiRequest has it.
  Result<std::string> upload(const std::string& path, std::function<Result<std::string>()> next_piece,
                             Duration patience);

  // The same for an answer that comes bit by bit, for as long as it may take; kUnavailable also where nothing came for
  // five minutes.
  Result<void> follow(const std::string& path, const OnChunk& on_chunk);

  const std::string& server() const;

 private:
  struct Impl;
  explicit ApiClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::cli
