// A platform on disk, behind the API, with an operator and two tenants who call it. For tests and the fuzzer.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/api.h"
#include "api/test_exchange.h"
#include "api/test_machine.h"
#include "base/check.h"
#include "deploy/deployer.h"
#include "deploy/test_fetch.h"
#include "deploy/test_images.h"
#include "platform/platform.h"
#include "platform/record_text.h"

namespace wasabi::api {

inline constexpr std::int64_t kTestNow = 1'800'000'000'000;

// A value or a part of one, or the end of the program: what makes a world must not fail.
template <typename T>
T must(Result<T> result) {
  if (!result) fmt::print(stderr, "{}\n", result.error().message());
  WASABI_CHECK(result.has_value());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Nobody calls too often who is not asked whether it does.
inline ApiLimits anyRate() {
  ApiLimits limits;
  limits.calls_per_second = 1e9;
  limits.refused_tokens_per_second = 1e9;
  return limits;
}

class TestWorld {
 public:
  // `directory` is not there yet.
  explicit TestWorld(const std::string& directory, const ApiLimits& limits = anyRate(),
                     const platform::AuditLimits& audit = {}) {
    platform::PlatformConfig config;
    config.directory = directory;
    config.audit = audit;
    config.unix_ms = [] { return kTestNow; };
    platform_ = must(platform::Platform::open(std::move(config), log_));
    for (const char* tenant : {"acme", "other"}) {
      platform::TenantRecord record;
      record.name = tenant;
      record.created_ms = kTestNow;
      must(platform_->createTenant(record));
    }
    operator_token_ = newToken("root", platform::Role::kOperator, "");
    acme_token_ = newToken("of acme", platform::Role::kTenant, "acme");
    other_token_ = newToken("of other", platform::Role::kTenant, "other");
    const auto no_image = [](const auto&, const auto&, const auto&, const auto&) -> Result<oci::Image> {
      return fail(ErrorCode::kNotFound, "no such image");
    };
    images_ = must(deploy::ImageStore::open(platform_->blobs(), no_image, {}));
    deployer_.emplace(deploy::DeployServices{*platform_, compiler, probe_, *images_, containers,
                                             [this](const auto& reference, const auto& credentials, const auto& into,
                                                    const auto&) { return fetchModule(reference, credentials, into); },
                                             [] { return Clock::now(); }, log_},
                      deploy::DeployLimits{});
    api_.emplace(ApiServices{loop_, *platform_, *deployer_, machine, log_, [] { return kTestNow; }}, limits);
    platform_->records().onChange([this](const platform::SnapshotPtr&) {
      loop_.post([this] {
        if (api_) api_->recordsChanged();
      });
    });
  }
  ~TestWorld() {
    deployer_->stop();
    api_.reset();
    deployer_.reset();
    while (loop_.runReady() > 0) continue;
  }
  TestWorld(const TestWorld&) = delete;
  TestWorld& operator=(const TestWorld&) = delete;

  // The call as a whole. Status 0: it is not answered.
  TestAnswer call(TestRequest request) {
    TestExchange exchange(loop_, std::move(request));
    exchange.begin(*api_);
    WASABI_CHECK(exchange.runUntilAnswered());
    return exchange.answer();
  }
  TestAnswer asOperator(std::string method, std::string target, std::string body = {}) {
    return call({std::move(method), std::move(target), operator_token_, std::move(body)});
  }
  TestAnswer asAcme(std::string method, std::string target, std::string body = {}) {
    return call({std::move(method), std::move(target), acme_token_, std::move(body)});
  }
  TestAnswer asOther(std::string method, std::string target, std::string body = {}) {
    return call({std::move(method), std::move(target), other_token_, std::move(body)});
  }
  // Of one that is not over yet.
  std::unique_ptr<TestExchange> begin(TestRequest request) {
    auto exchange = std::make_unique<TestExchange>(loop_, std::move(request));
    exchange->begin(*api_);
    return exchange;
  }

  // acme's function, or another tenant's, with a version more, of this module.
  void deploy(const std::string& function, const std::string& module, const std::string& manifest = {},
              const std::string& tenant = "acme") {
    platform::Deployment deployment;
    deployment.name = {tenant, function};
    deployment.manifest = manifest;
    deployment.module = upload(module);
    deployment.source = "upload";
    deployment.created_by = "test";
    deployment.now_ms = kTestNow;
    must(deployer_->deploy(std::move(deployment)));
  }
  platform::Digest upload(const std::string& module) {
    auto upload = must(platform_->blobs().uploadModule(ByteSize{1 << 20}));
    must(upload.write(module));
    return must(upload.finish()).digest;
  }

  // All that calls may change, as text: equal for equal states.
  std::string state() const {
    std::string text;
    for (const platform::TenantRecordPtr& tenant : platform_->snapshot()->tenants()) text += stateOf(tenant->name);
    for (const platform::TokenInfo& token : platform_->tokens().list()) {
      if (token.role == platform::Role::kOperator) text += "token " + token.id + " " + token.name + "\n";
    }
    for (const char* folder : {"modules", "files", "images", "incoming"}) {
      std::vector<std::string> names;
      for (const auto& entry : std::filesystem::directory_iterator(platform_->directory() + "/" + folder)) {
        names.push_back(entry.path().filename().string());
      }
      std::ranges::sort(names);
      text += fmt::format("{}: {}\n", folder, fmt::join(names, " "));
    }
    return text;
  }
  // What of it is the tenant's.
  std::string stateOf(const std::string& name) const {
    const platform::SnapshotPtr snapshot = platform_->snapshot();
    const platform::TenantRecord* tenant = snapshot->tenant(name);
    std::string text = tenant ? "tenant " + name + platform::encodeTenant(*tenant) : "no tenant " + name;
    for (const auto& function : snapshot->functionsOf(name)) text += platform::encodeFunction(*function);
    for (const platform::SecretInfo& secret : platform_->secrets().list(name)) {
      const platform::SecretValue value = must(platform_->secrets().get(name, secret.name));
      text += fmt::format("secret {} {}\n", secret.name, value.reveal());
    }
    for (const platform::TokenInfo& token : platform_->tokens().list()) {
      if (token.tenant == name) text += "token " + token.id + " " + token.name + "\n";
    }
    return text;
  }

  platform::Platform& platform() { return *platform_; }
  deploy::Deployer& deployer() { return *deployer_; }
  http::EventLoop& loop() { return loop_; }
  Api& api() { return *api_; }
  const std::string& operatorToken() const { return operator_token_; }
  const std::string& acmeToken() const { return acme_token_; }
  const std::string& otherToken() const { return other_token_; }
  const std::string& logged() const { return logged_; }
  std::string newToken(const std::string& name, platform::Role role, const std::string& tenant) {
    return must(platform_->tokens().create(name, role, tenant, kTestNow)).token;
  }

  FakeMachine machine;
  FakeCompiler compiler;
  deploy::FakeContainers containers;
  std::optional<oci::Credentials> shown_credentials;  // to the registry

 private:
  // A registry of one module under every tag but "none".
  Result<oci::PulledWasm> fetchModule(const oci::Reference& reference,
                                      const std::optional<oci::Credentials>& credentials,
                                      const oci::ImageLayout& into) {
    shown_credentials = credentials;
    if (reference.tag == "damaged") return fail(ErrorCode::kCorrupt, "what came has another digest");
    if (reference.tag == "none") return fail(ErrorCode::kNotFound, "no such tag");
    return deploy::bringModule(into, "wasm of " + reference.tag);
  }

  std::string logged_;
  Logger log_{[this](std::string_view line) { logged_ += line; }, LogLevel::kWarn};
  http::EventLoop loop_;
  FakeProbe probe_;
  std::unique_ptr<platform::Platform> platform_;
  std::string operator_token_;
  std::string acme_token_;
  std::string other_token_;
  std::unique_ptr<deploy::ImageStore> images_;
  std::optional<deploy::Deployer> deployer_;
  std::optional<Api> api_;
};

}  // namespace wasabi::api
