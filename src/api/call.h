// One call of the API: from its head to its answer and its line in the audit log.
//
// It lives as long as its stream, and longer while somebody holds it to answer later: what is answered then goes
// nowhere.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.h"
#include "http/server.h"
#include "platform/tokens.h"

namespace wasabi::api {

class Call;

enum class Who : std::uint8_t { kAnyToken, kOperator };

struct Endpoint {
  enum class Body : std::uint8_t {
    kNone,
    kJson,
    kSecret,  // bytes as they are
    kUpload,  // goes to the disk as it comes: ?kind=module, files or image
  };
  std::string_view method;
  std::string_view path;  // "/functions/{}/{}": what stands at "{}" becomes an argument
  Who who = Who::kAnyToken;
  Body body = Body::kNone;
  void (*handle)(Call& call) = nullptr;  // once the body is there
};

class Call final : public http::StreamObserver, public std::enable_shared_from_this<Call> {
 public:
  Call(Api& api, http::ServerStream& stream, const Endpoint& endpoint, std::vector<std::string> arguments,
       platform::TokenInfo caller);
  ~Call() override;

  // Each attaches it to the stream.
  void begin();
  void beginRefused(std::uint16_t status, const std::string& detail);

  const ApiServices& services() const { return api_.services(); }
  platform::Platform& platform() const { return services().platform; }
  Api& api() const { return api_; }
  const platform::TokenInfo& caller() const { return caller_; }
  const std::string& argument(std::size_t index) const { return arguments_[index]; }
  // Of the query, decoded.
  std::optional<std::string> query(std::string_view name) const;
  const std::string& body() const { return body_; }
  std::optional<platform::ModuleUpload>& module() { return module_; }
  std::optional<deploy::FilesUpload>& files() { return files_; }
  std::optional<deploy::ImageUpload>& image() { return image_; }

  // Whether the caller may know anything of the tenant. If not it was answered: not found, as for what is not there.
  bool mayTouch(const std::string& tenant);

  // Once one of these.
  void answer(std::uint16_t status, std::string json);
  void answerText(std::uint16_t status, std::string_view type, std::string_view text);
  void refuse(std::uint16_t status, const std::string& detail);
  void refuse(const Error& error);
  // Written down before it is answered: for what goes on when the client has gone, and is answered to nobody then.
  void auditBegun() const { audit(202, ""); }
  // Lines until the client goes, or lineOver() says that it does not keep up.
  void beginLines();
  void line(std::string_view text);
  void endLines();

  bool open() const { return stream_ != nullptr; }
  // What happens when some record has changed, or at the deadline; dropped with the answer.
  void waitForChange(TimePoint deadline, UniqueFunction<void(bool at_deadline)> look);
  void recordsChanged();
  // Kept until the stream closes.
  std::shared_ptr<void> kept;

 private:
  void onBody(std::span<const std::byte> chunk) override;
  void onBodyEnd(const http::Fields& trailers) override;
  void onWritable() override {}
  void onClosed(http::CloseReason reason) override;

  void attach();
  Result<void> beginUpload();
  Result<void> write(std::string_view bytes);
  void handle();
  void send(std::uint16_t status, std::string_view type, std::string_view body);
  void audit(std::uint16_t status, std::string_view error) const;
  std::size_t mostBody() const;

  Api& api_;
  http::ServerStream* stream_;  // null once it is closed
  const Endpoint& endpoint_;
  const std::vector<std::string> arguments_;
  const platform::TokenInfo caller_;
  std::string body_;
  std::uint64_t body_bytes_ = 0;
  std::optional<platform::ModuleUpload> module_;
  std::optional<deploy::FilesUpload> files_;
  std::optional<deploy::ImageUpload> image_;
  bool answered_ = false;
  http::Timer deadline_;
  UniqueFunction<void(bool)> look_;
  std::shared_ptr<Call> self_;  // while the stream is open
};

// The value of `name` in a query, decoded; nothing where there is none, or none that can be.
std::optional<std::string> queryValue(std::string_view query, std::string_view name);

// Each of the others; see their files.
std::vector<Endpoint> deployEndpoints();
std::vector<Endpoint> functionEndpoints();
std::vector<Endpoint> tenantEndpoints();
std::vector<Endpoint> machineEndpoints();

}  // namespace wasabi::api
