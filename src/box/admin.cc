#include "box/admin.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/function_name.h"
#include "base/text.h"
#include "box/admin_answers.h"
#include "box/prometheus.h"
#include "box/response_writer.h"
#include "catalog/nearest_name.h"

namespace wasabi::box {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";

void sendAs(http::ServerStream& stream, std::string_view type, std::string_view body) {
  http::ResponseHead head;
  head.headers.add("content-type", type);
  sendAnswer(stream, head, body);
}

// The value of `name` in the request's query, if it is there.
Result<std::optional<std::string>> optionalParameter(const http::RequestHead& request, std::string_view name) {
  std::string_view query = request.query();
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) == name && equals != std::string_view::npos) {
      return percentDecoded(pair.substr(equals + 1));
    }
  }
  return std::nullopt;
}

// An error is the answer to who left it out.
Result<std::string> parameter(const http::RequestHead& request, std::string_view name) {
  auto value = optionalParameter(request, name);
  if (!value) return fail(std::move(value.error()));
  if (*value) return std::move(**value);
  return fail(ErrorCode::kInvalid, fmt::format("say which: {}?{}=...", request.path(), name));
}

void refuse(http::ServerStream& stream, std::uint16_t status, const std::string& why) {
  sendText(stream, status, why + "\n");
}

// Function names as people write them: close ones are named.
std::string noSuchFunction(const catalog::Catalog& catalog, std::string_view name) {
  std::vector<std::string> names;
  for (const catalog::FunctionPtr& function : catalog.functions()) names.push_back(function->name.toString());
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto nearest = catalog::nearestName(name, known);
  const std::string text = fmt::format("no function {} is deployed", name);
  return nearest ? fmt::format("{}; did you mean {}?", text, *nearest) : text + "; see /-/functions";
}

enum class Method : std::uint8_t { kGet, kPost };

void refuseMethod(http::ServerStream& stream, Method right_one) {
  const std::string_view allowed = right_one == Method::kGet ? "GET, HEAD" : "POST";
  http::ResponseHead head;
  head.status = 405;
  head.headers.add("allow", allowed);
  sendAnswer(stream, head, fmt::format("{} only\n", allowed));
}

}  // namespace

struct Admin::Endpoint {
  Method method;
  std::string_view path;
  std::string_view usage;  // what the list says
  void (Admin::*answer)(http::ServerStream&);
};

std::span<const Admin::Endpoint> Admin::endpoints() {
  static constexpr Endpoint kAll[] = {
      {Method::kGet, "/-/", "this list", &Admin::index},
      {Method::kGet, "/-/healthz", "200 while the process answers", &Admin::health},
      {Method::kGet, "/-/metrics", "Prometheus text", &Admin::metrics},
      {Method::kGet, "/-/load", "cumulative load, for whoever scales", &Admin::load},
      {Method::kGet, "/-/functions", "functions deployed, manifests refused", &Admin::functions},
      {Method::kGet, "/-/invocations", "what runs now, the oldest first", &Admin::invocations},
      {Method::kGet, "/-/why", "?function=TENANT/NAME: what a request of it would meet now", &Admin::why},
      {Method::kPost, "/-/reload", "read configuration and catalog now", &Admin::reload},
      {Method::kPost, "/-/cancel", "?request=ID: end the invocations of that request", &Admin::cancel},
      {Method::kPost, "/-/unload", "?function=TENANT/NAME: let go of its program", &Admin::unload},
      {Method::kPost, "/-/drain", "stop as on SIGTERM: finish what runs, then exit", &Admin::drain},
  };
  return kAll;
}

// A request that waits for other threads. The client may go before they come, and they may come too late.
class Admin::PendingAnswer final : public http::StreamObserver, public std::enable_shared_from_this<PendingAnswer> {
 public:
  PendingAnswer(http::ServerStream& stream, http::EventLoop& loop) : stream_(&stream), timer_(std::in_place, loop) {}

  void begin(TimePoint deadline) {
    self_ = shared_from_this();
    stream_->attach(*this);
    timer_->arm(deadline, [this] {
      if (http::ServerStream* stream = take()) refuse(*stream, 503, "a thread of the box did not answer in time");
    });
  }
  // The stream, if it still waits for its answer.
  http::ServerStream* take() {
    timer_.reset();
    return std::exchange(stream_, nullptr);
  }

 private:
  void onBody(std::span<const std::byte>) override {}
  void onBodyEnd(const http::Fields&) override {}
  void onWritable() override {}
  void onClosed(http::CloseReason) override {
    take();
    std::exchange(self_, nullptr).reset();
  }

  http::ServerStream* stream_;
  // Gone with the answer: whoever was asked may hold this object for longer than the loop lives.
  std::optional<http::Timer> timer_;
  std::shared_ptr<PendingAnswer> self_;  // as long as the stream may call
};

std::shared_ptr<Admin::PendingAnswer> Admin::later(http::ServerStream& stream) {
  auto pending = std::make_shared<PendingAnswer>(stream, loop_);
  pending->begin(loop_.now() + patience_);
  return pending;
}

void Admin::onRequest(http::ServerStream& stream) {
  const http::RequestHead& request = stream.request();
  const std::string_view path = request.path();
  for (const Endpoint& endpoint : endpoints()) {
    if (endpoint.path != path) continue;
    const bool is_get = request.method == "GET" || request.method == "HEAD";
    const bool allowed = endpoint.method == Method::kGet ? is_get : request.method == "POST";
    if (!allowed) return refuseMethod(stream, endpoint.method);
    // A web page can make a browser on this machine post, but not without saying where it comes from.
    if (!is_get && request.headers.find("origin")) return refuse(stream, 403, "not from a web page");
    return (this->*endpoint.answer)(stream);
  }
  refuse(stream, 404, "nothing here; GET /-/ lists what there is");
}

// ---- what it tells --------------------------------------------------------------------------------------------------

void Admin::index(http::ServerStream& stream) {
  std::string text;
  for (const Endpoint& endpoint : endpoints()) {
    text +=
        fmt::format("{:4} {:16} {}\n", endpoint.method == Method::kGet ? "GET" : "POST", endpoint.path, endpoint.usage);
  }
  sendText(stream, 200, text);
}

void Admin::health(http::ServerStream& stream) {
  sendText(stream, 200, "ok\n");
}

void Admin::metrics(http::ServerStream& stream) {
  source_.collect([pending = later(stream)](const BoxFigures& figures) {
    if (http::ServerStream* waiting = pending->take()) sendAs(*waiting, kPrometheus, prometheusText(figures));
  });
}

void Admin::load(http::ServerStream& stream) {
  source_.collect([pending = later(stream)](const BoxFigures& figures) {
    if (http::ServerStream* waiting = pending->take()) sendAs(*waiting, kJson, loadJson(figures));
  });
}

void Admin::functions(http::ServerStream& stream) {
  sendAs(stream, kJson, functionsJson(*source_.catalog()));
}

void Admin::invocations(http::ServerStream& stream) {
  source_.listInvocations([pending = later(stream)](InvocationList list) {
    if (http::ServerStream* waiting = pending->take()) sendAs(*waiting, kJson, invocationsJson(list));
  });
}

void Admin::why(http::ServerStream& stream) {
  const auto text = parameter(stream.request(), "function");
  if (!text) return refuse(stream, 400, text.error().message());
  const auto name = parseFunctionName(*text, NameForm::kPlainOrNumbered);
  if (!name) return refuse(stream, 400, name.error().message());
  const auto timeout = optionalParameter(stream.request(), "timeout");
  if (!timeout) return refuse(stream, 400, timeout.error().message());
  std::optional<Duration> patience;
  if (*timeout) {
    const auto duration = parseDuration(**timeout);
    if (!duration) return refuse(stream, 400, "timeout: " + duration.error().message());
    patience = *duration;
  }
  const catalog::CatalogPtr catalog = source_.catalog();
  const catalog::FunctionPtr function = catalog->find(*name);
  if (!function) return refuse(stream, 404, noSuchFunction(*catalog, *text));
  sendAs(stream, kJson, whyJson(source_.why(function, patience)));
}

// ---- what it can be told --------------------------------------------------------------------------------------------

void Admin::reload(http::ServerStream& stream) {
  source_.reload([pending = later(stream)](Result<Reloaded> reloaded) {
    http::ServerStream* waiting = pending->take();
    if (!waiting) return;
    if (!reloaded) return refuse(*waiting, 500, reloaded.error().message());
    sendAs(*waiting, kJson, reloadJson(*reloaded->catalog, reloaded->config_problems));
  });
}

void Admin::cancel(http::ServerStream& stream) {
  auto request = parameter(stream.request(), "request");
  if (!request) return refuse(stream, 400, request.error().message());
  source_.cancel(std::move(*request), [pending = later(stream)](std::size_t ended) {
    http::ServerStream* waiting = pending->take();
    if (!waiting) return;
    if (ended == 0) return refuse(*waiting, 404, "no invocation of that request runs");
    sendAs(*waiting, kJson, fmt::format("{{\"cancelled\":{}}}\n", ended));
  });
}

void Admin::unload(http::ServerStream& stream) {
  const auto text = parameter(stream.request(), "function");
  if (!text) return refuse(stream, 400, text.error().message());
  const auto name = parseFunctionName(*text, NameForm::kPlainOrNumbered);
  if (!name) return refuse(stream, 400, name.error().message());
  const catalog::FunctionPtr function = source_.catalog()->find(*name);
  if (!function) return refuse(stream, 404, "no function of that name is deployed");
  sendAs(stream, kJson, fmt::format("{{\"unloaded\":{}}}\n", source_.unload(*function)));
}

void Admin::drain(http::ServerStream& stream) {
  sendAs(stream, kJson, "{\"draining\":true}\n");
  source_.askDrain();
}

}  // namespace wasabi::box
