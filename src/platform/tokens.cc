#include "platform/tokens.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "base/check.h"
#include "base/function_name.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "catalog/digest.h"
#include "platform/json_fields.h"
#include "platform/sealed_value.h"

namespace wasabi::platform {
namespace {

constexpr const char* kFile = "tokens.json";
constexpr unsigned kFileMode = 0600;
constexpr std::size_t kMaxFileBytes = 16 << 20;
constexpr std::size_t kTokenBits = 256;
constexpr std::size_t kTokenChars = 43;
constexpr std::size_t kIdBytes = 6;
constexpr std::int64_t kHourMs = 3'600'000;

struct Held {
  TokenInfo info;
  Digest hash;
};

// 256 bits as base64url without padding.
Result<std::string> newToken() {
  auto bytes = randomBytes(kTokenBits / 8);
  if (!bytes) return fail(std::move(bytes).error());
  std::string text = toBase64(*bytes);
  OPENSSL_cleanse(bytes->data(), bytes->size());
  text.resize(kTokenChars);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return std::string(kTokenPrefix) + text;
}

std::optional<Role> parseRole(std::string_view text) {
  for (const Role role : {Role::kOperator, Role::kTenant}) {
    if (text == nameOf(role)) return role;
  }
  return std::nullopt;
}

std::string encode(const std::vector<Held>& tokens) {
  Json list = Json::array();
  for (const Held& token : tokens) {
    list.push_back({{"id", token.info.id},
                    {"name", token.info.name},
                    {"role", nameOf(token.info.role)},
                    {"tenant", token.info.tenant},
                    {"created_ms", token.info.created_ms},
                    {"last_used_ms", token.info.last_used_ms},
                    {"sha256", token.hash.toHex()}});
  }
  return writeJson({{"tokens", std::move(list)}});
}

Result<std::vector<Held>> decode(std::string_view text) {
  auto json = parseJsonObject(text, kFile);
  if (!json) return fail(std::move(json).error());
  JsonFields fields(*json, kFile);
  std::vector<Held> tokens;
  for (const Json& one : fields.array("tokens")) {
    JsonFields token(one, fmt::format("{}: a token", kFile));
    const auto role = parseRole(token.text("role"));
    if (!role) token.wrong("role", "a role");
    Held held{{token.text("id"), token.text("name"), role.value_or(Role::kTenant), token.text("tenant"),
               token.time("created_ms"), token.time("last_used_ms")},
              token.digest("sha256")};
    if (!token.ok()) return fail(token.takeError());
    tokens.push_back(std::move(held));
  }
  if (!fields.ok()) return fail(fields.takeError());
  return tokens;
}

}  // namespace

std::string_view nameOf(Role role) {
  return role == Role::kOperator ? "operator" : "tenant";
}

struct Tokens::Impl {
  explicit Impl(Disk& the_disk) : disk(the_disk) {}

  void index() {
    by_hash.clear();
    for (std::size_t i = 0; i < tokens.size(); ++i) by_hash.emplace(tokens[i].hash, i);
  }

  // Takes the changed list over once it is on disk. Who authenticates meanwhile does not wait for that.
  Result<void> change(const std::function<Result<void>(std::vector<Held>&)>& step) {
    const std::lock_guard one_change(change_mutex);
    std::vector<Held> changed;
    {
      const std::lock_guard lock(mutex);
      changed = tokens;
    }
    if (auto stepped = step(changed); !stepped) return stepped;
    if (auto written = replaceFile(disk, kFile, encode(changed), kFileMode); !written) return written;
    const std::lock_guard lock(mutex);
    uses_changed = false;
    for (Held& token : changed) {
      const auto at = by_hash.find(token.hash);
      if (at == by_hash.end() || tokens[at->second].info.last_used_ms <= token.info.last_used_ms) continue;
      token.info.last_used_ms = tokens[at->second].info.last_used_ms;
      uses_changed = true;
    }
    tokens = std::move(changed);
    index();
    return {};
  }

  Disk& disk;
  std::mutex change_mutex;
  mutable std::mutex mutex;  // of what follows
  std::vector<Held> tokens;  // the oldest first
  std::unordered_map<Digest, std::size_t, catalog::ModuleDigestHash> by_hash;
  bool uses_changed = false;
};

Result<std::unique_ptr<Tokens>> Tokens::open(Disk& disk) {
  auto impl = std::make_unique<Impl>(disk);
  auto text = disk.read(kFile, kMaxFileBytes);
  if (!text && text.error().code() != ErrorCode::kNotFound) return fail(std::move(text).error());
  if (text) {
    auto tokens = decode(*text);
    if (!tokens) return fail(std::move(tokens).error());
    impl->tokens = std::move(*tokens);
    impl->index();
  }
  return std::unique_ptr<Tokens>(new Tokens(std::move(impl)));
}

Tokens::Tokens(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokens::~Tokens() = default;

Result<Tokens::Created> Tokens::create(std::string name, Role role, std::string tenant, std::int64_t now_ms) {
  if (name.empty() || name.size() > kMaxTokenName || !isUtf8(name)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("a token needs a name of 1 to {} bytes that tells what it is for", kMaxTokenName));
  }
  if (role == Role::kTenant && !isLabel(tenant)) return fail(ErrorCode::kInvalid, "a tenant's token needs the tenant");
  if (role == Role::kOperator && !tenant.empty())
    return fail(ErrorCode::kInvalid, "an operator's token is of no tenant");
  auto token = newToken();
  if (!token) return fail(std::move(token).error());
  auto id = randomBytes(kIdBytes);
  if (!id) return fail(std::move(id).error());

  TokenInfo info{toHex(reinterpret_cast<const std::uint8_t*>(id->data()), id->size()),
                 std::move(name),
                 role,
                 std::move(tenant),
                 now_ms,
                 0};
  auto stored = impl_->change([&](std::vector<Held>& tokens) -> Result<void> {
    if (tokens.size() >= kMaxTokens) {
      return fail(ErrorCode::kExhausted,
                  fmt::format("there are {} tokens, as many as there may be; revoke some", kMaxTokens));
    }
    const auto is_theirs = [&](const Held& held) { return role == Role::kTenant && held.info.tenant == info.tenant; };
    if (static_cast<std::size_t>(std::ranges::count_if(tokens, is_theirs)) >= kMaxTokensOfTenant) {
      return fail(ErrorCode::kExhausted, fmt::format("{} has {} tokens, as many as a tenant may have; revoke some",
                                                     info.tenant, kMaxTokensOfTenant));
    }
    tokens.push_back({info, Digest{sha256(*token)}});
    return {};
  });
  if (!stored) return fail(std::move(stored).error());
  return Created{std::move(info), std::move(*token)};
}

Result<void> Tokens::revoke(std::string_view id) {
  return impl_->change([id](std::vector<Held>& tokens) -> Result<void> {
    if (std::erase_if(tokens, [id](const Held& token) { return token.info.id == id; }) > 0) return {};
    return fail(ErrorCode::kNotFound, "there is no such token; `wasabi token list` shows all");
  });
}

Result<void> Tokens::revokeAllOf(std::string_view tenant) {
  return impl_->change([tenant](std::vector<Held>& tokens) -> Result<void> {
    std::erase_if(tokens, [tenant](const Held& token) {
      return token.info.role == Role::kTenant && token.info.tenant == tenant;
    });
    return {};
  });
}

std::optional<TokenInfo> Tokens::authenticate(std::string_view token, std::int64_t now_ms) {
  if (token.size() != kTokenPrefix.size() + kTokenChars || !token.starts_with(kTokenPrefix)) return std::nullopt;
  const Digest hash{sha256(token)};
  const std::lock_guard lock(impl_->mutex);
  const auto at = impl_->by_hash.find(hash);
  if (at == impl_->by_hash.end()) return std::nullopt;
  Held& held = impl_->tokens[at->second];
  if (CRYPTO_memcmp(held.hash.bytes.data(), hash.bytes.data(), hash.bytes.size()) != 0) return std::nullopt;
  const std::int64_t hour = now_ms - now_ms % kHourMs;
  if (hour > held.info.last_used_ms) {
    held.info.last_used_ms = hour;
    impl_->uses_changed = true;
  }
  return held.info;
}

std::vector<TokenInfo> Tokens::list() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<TokenInfo> found;
  for (const Held& token : impl_->tokens) found.push_back(token.info);
  return found;
}

Result<void> Tokens::flush() {
  {
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->uses_changed) return {};
  }
  return impl_->change([](std::vector<Held>&) -> Result<void> { return {}; });
}

}  // namespace wasabi::platform
