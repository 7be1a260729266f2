#include "node/box_admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace wasabi::node {
namespace {

using nlohmann::json;

constexpr double kMemoryUnitBytes = 200.0 * (1 << 20);  // of booked_units

Result<json> parsed(Result<std::string> text) {
  if (!text) return fail(std::move(text.error()));
  json object = json::parse(*text, nullptr, false);
  if (!object.is_object()) return fail(ErrorCode::kCorrupt, "the box answered something that is no JSON object");
  return object;
}

// What is no amount counts as none: a box may have been taken over.
double amount(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? std::max(found->get<double>(), 0.0) : 0.0;
}

std::uint64_t count(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

ByteSize bytesOf(double units) {
  constexpr double kMost = 1e18;
  return {static_cast<std::uint64_t>(std::min(units * kMemoryUnitBytes, kMost))};
}

std::vector<TenantUse> tenantsOf(const json& object) {
  std::vector<TenantUse> tenants;
  const auto told = object.find("tenants");
  if (told == object.end() || !told->is_array()) return tenants;
  for (const json& one : *told) {
    if (!one.is_object()) continue;
    const json tenant = one.value("tenant", json());
    if (tenant.is_string()) tenants.push_back({tenant, amount(one, "cpu_seconds"), amount(one, "memory_byte_seconds")});
  }
  return tenants;
}

Result<BoxLoad> loadOf(Result<std::string> text) {
  auto object = parsed(std::move(text));
  if (!object) return fail(std::move(object.error()));
  BoxLoad load;
  load.ready = object->value("ready", json(false)) == json(true);
  load.capacity = {count(*object, "capacity_memory_bytes")};
  load.capacity_cores = amount(*object, "capacity_cpu");
  load.booked = bytesOf(amount(*object, "booked_units"));
  load.cpu_seconds = amount(*object, "cpu_seconds");
  load.booked_byte_seconds = amount(*object, "booked_unit_seconds") * kMemoryUnitBytes;
  load.requests = count(*object, "requests");
  load.invocations = count(*object, "invocations");
  load.programs_loaded = count(*object, "programs_loaded");
  load.tenants = tenantsOf(*object);
  return load;
}

Result<std::vector<ManifestProblem>> problemsOf(Result<std::string> text) {
  auto object = parsed(std::move(text));
  if (!object) return fail(std::move(object.error()));
  std::vector<ManifestProblem> problems;
  const auto told = object->find("problems");
  if (told == object->end() || !told->is_array()) return problems;
  for (const json& one : *told) {
    if (!one.is_object()) continue;
    const json file = one.value("file", json());
    const json reason = one.value("reason", json());
    if (file.is_string() && reason.is_string()) problems.push_back({file, reason});
  }
  return problems;
}

}  // namespace

class BoxAdmin::Question final : public http::ClientObserver {
 public:
  Question(BoxAdmin& admin, const http::ClientRequest& request, TakeText take)
      : admin_(admin), take_(std::move(take)), patience_(admin.loop_) {
    exchange_ = admin.client_.start(request, *this);
    patience_.arm(admin.loop_.now() + admin.patience_,
                  [this] { end(fail(ErrorCode::kTimeout, "the box did not answer in time")); });
  }

 private:
  void onHead(const http::ResponseHead& head) override { status_ = head.status; }
  void onBody(std::span<const std::byte> chunk) override {
    if (!take_) return;
    if (body_.size() + chunk.size() > kMostAnswerBytes) {
      return end(fail(ErrorCode::kCorrupt, "the box answered more than a box may"));
    }
    body_.append(reinterpret_cast<const char*>(chunk.data()), chunk.size());
  }
  void onWritable() override {}
  void onEnd(const http::Fields&) override {
    if (status_ != 200) return end(fail(ErrorCode::kUnavailable, fmt::format("the box answered {}", status_)));
    end(std::move(body_));
  }
  // Callers of functions may read this: what failed names a path of the host.
  void onFailure(http::ClientFailure, http::RequestProgress, const std::string&) override {
    end(fail(ErrorCode::kUnavailable, "the box ended or cannot be reached"));
  }

  // The last thing it does: `take` may destroy all of this. Its exchange lives until the loop comes round, and may have
  // something to tell still.
  void end(Result<std::string> answer) {
    if (!take_) return;
    patience_.cancel();
    TakeText take = std::move(take_);
    admin_.forget(this);
    take(std::move(answer));
  }

  BoxAdmin& admin_;
  TakeText take_;
  http::Timer patience_;
  std::uint16_t status_ = 0;
  std::string body_;
  std::unique_ptr<http::ClientExchange> exchange_;
};

BoxAdmin::BoxAdmin(http::EventLoop& loop, http::Client& client, std::string socket, Duration patience)
    : loop_(loop), client_(client), socket_(std::move(socket)), patience_(patience) {}
BoxAdmin::~BoxAdmin() = default;

void BoxAdmin::ask(const std::string& method, const std::string& target, TakeText take) {
  http::ClientRequest request;
  request.method = method;
  request.target = target;
  request.authority = "box";
  request.endpoint.name = socket_;
  request.connect_timeout = patience_;
  open_.push_back(std::make_unique<Question>(*this, request, std::move(take)));
}

// It is on the stack still: its memory goes when the loop comes round.
void BoxAdmin::forget(Question* question) {
  for (auto& one : open_) {
    if (one.get() != question) continue;
    loop_.defer([gone = std::shared_ptr<Question>(std::move(one))] {});
    std::swap(one, open_.back());
    open_.pop_back();
    return;
  }
}

void BoxAdmin::load(UniqueFunction<void(Result<BoxLoad>)> take) {
  ask("GET", "/-/load", [take = std::move(take)](Result<std::string> text) mutable { take(loadOf(std::move(text))); });
}

void BoxAdmin::reload(UniqueFunction<void(Result<std::vector<ManifestProblem>>)> take) {
  ask("POST", "/-/reload",
      [take = std::move(take)](Result<std::string> text) mutable { take(problemsOf(std::move(text))); });
}

void BoxAdmin::why(const std::string& version, UniqueFunction<void(Result<std::string>)> take) {
  ask("GET", "/-/why?function=" + version, std::move(take));
}

}  // namespace wasabi::node
