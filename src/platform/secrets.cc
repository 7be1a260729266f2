#include "platform/secrets.h"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include "base/function_name.h"
#include "catalog/manifest_parser.h"
#include "platform/json_fields.h"
#include "platform/sealed_value.h"

namespace wasabi::platform {
namespace {

constexpr const char* kKeyFile = "keys/secret.key";
constexpr unsigned kFileMode = 0600;
constexpr std::string_view kJson = ".json";
// All values of a tenant in base64, with their names and times.
constexpr std::size_t kMaxFileBytes = 4 << 20;
// Sealed under the key with every file, so that another key is seen at once.
constexpr std::string_view kCanary = "wasabi secrets";

struct Sealed {
  std::string bytes;
  std::int64_t set_ms = 0;
};
using SealedByName = std::map<std::string, Sealed>;

std::string fileOf(const std::string& tenant) {
  return fmt::format("secrets/{}.json", tenant);
}

std::string bindingOf(const std::string& tenant, const std::string& name) {
  return tenant + "/" + name;
}

Result<SecretValue> loadOrCreateKey(Disk& disk) {
  auto key = disk.read(kKeyFile, kSealKeyBytes);
  if (!key && key.error().code() == ErrorCode::kNotFound) {
    auto files = disk.list("secrets");
    if (!files) return fail(std::move(files).error());
    if (!files->empty()) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("{} is gone and there are secrets sealed with it: bring it back from a "
                              "backup, or remove the folder 'secrets'",
                              kKeyFile));
    }
    key = randomBytes(kSealKeyBytes);
    if (!key) return fail(std::move(key).error());
    if (auto written = replaceFile(disk, kKeyFile, *key, kFileMode); !written) return fail(std::move(written).error());
  }
  if (!key) return fail(std::move(key).error());
  if (key->size() != kSealKeyBytes) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} has {} bytes and not {}: bring it back from a backup", kKeyFile,
                                                 key->size(), kSealKeyBytes));
  }
  return SecretValue(std::move(*key));
}

}  // namespace

struct Secrets::Impl {
  Impl(Disk& the_disk, SecretValue the_key) : disk(the_disk), key(std::move(the_key)) {}

  Result<void> readAll();
  Result<SealedByName> readTenant(const std::string& tenant);
  Result<void> write(const std::string& tenant, const SealedByName& sealed);

  Disk& disk;
  const SecretValue key;
  mutable std::mutex mutex;
  std::map<std::string, SealedByName> tenants;
};

Result<void> Secrets::Impl::readAll() {
  auto files = disk.list("secrets");
  if (!files) return fail(std::move(files).error());
  for (const DiskEntry& entry : *files) {
    if (entry.is_folder || !entry.name.ends_with(kJson)) continue;
    const std::string tenant = entry.name.substr(0, entry.name.size() - kJson.size());
    if (!isLabel(tenant)) continue;
    auto sealed = readTenant(tenant);
    if (!sealed) return fail(std::move(sealed).error().within(fileOf(tenant)));
    tenants.emplace(tenant, std::move(*sealed));
  }
  return {};
}

Result<SealedByName> Secrets::Impl::readTenant(const std::string& tenant) {
  auto text = disk.read(fileOf(tenant), kMaxFileBytes);
  if (!text) return fail(std::move(text).error());
  auto json = parseJsonObject(*text, fileOf(tenant));
  if (!json) return fail(std::move(json).error());
  JsonFields fields(*json, fileOf(tenant));
  auto canary = fromBase64(fields.text("canary"));
  if (!canary) return fail(std::move(canary).error());
  if (auto opened = unseal(key, *canary, tenant); !opened) return fail(std::move(opened).error());
  SealedByName found;
  for (const auto& [name, one] : fields.object("secrets").items()) {
    JsonFields secret(one, name);
    auto bytes = fromBase64(secret.text("sealed"));
    if (!bytes) return fail(std::move(bytes).error().within(name));
    found.emplace(name, Sealed{std::move(*bytes), secret.time("set_ms")});
    if (!secret.ok()) return fail(secret.takeError());
  }
  if (!fields.ok()) return fail(fields.takeError());
  return found;
}

Result<void> Secrets::Impl::write(const std::string& tenant, const SealedByName& sealed) {
  auto canary = seal(key, kCanary, tenant);
  if (!canary) return fail(std::move(canary).error());
  Json secrets = Json::object();
  for (const auto& [name, one] : sealed) secrets[name] = {{"sealed", toBase64(one.bytes)}, {"set_ms", one.set_ms}};
  return replaceFile(disk, fileOf(tenant), writeJson({{"canary", toBase64(*canary)}, {"secrets", std::move(secrets)}}),
                     kFileMode);
}

Result<std::unique_ptr<Secrets>> Secrets::open(Disk& disk) {
  auto key = loadOrCreateKey(disk);
  if (!key) return fail(std::move(key).error());
  auto impl = std::make_unique<Impl>(disk, std::move(*key));
  if (auto read = impl->readAll(); !read) return fail(std::move(read).error());
  return std::unique_ptr<Secrets>(new Secrets(std::move(impl)));
}

Secrets::Secrets(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Secrets::~Secrets() = default;

Result<void> Secrets::set(const std::string& tenant, const std::string& name, SecretValue value, std::int64_t now_ms) {
  if (!isLabel(tenant)) return fail(ErrorCode::kInvalid, fmt::format("'{}' is no tenant", tenant));
  if (!catalog::isSecretName(name)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' cannot name a secret: letters, digits and '_', not beginning with "
                            "a digit",
                            name));
  }
  const std::string_view bytes = value.reveal();
  if (bytes.size() > kMaxSecretBytes) {
    return fail(ErrorCode::kExhausted,
                fmt::format("the secret has {} bytes; it may have {}", bytes.size(), kMaxSecretBytes));
  }
  // It becomes an environment variable.
  if (bytes.find('\0') != std::string_view::npos)
    return fail(ErrorCode::kInvalid, "the secret has a NUL character in it");
  auto sealed = seal(impl_->key, bytes, bindingOf(tenant, name));
  if (!sealed) return fail(std::move(sealed).error());

  const std::lock_guard lock(impl_->mutex);
  const auto owner = impl_->tenants.find(tenant);
  SealedByName changed = owner == impl_->tenants.end() ? SealedByName() : owner->second;
  changed[name] = {std::move(*sealed), now_ms};
  std::size_t sum = 0;
  for (const auto& [other, one] : changed) sum += one.bytes.size();
  if (changed.size() > kMaxSecretsOfTenant || sum > kMaxSecretBytesOfTenant) {
    return fail(ErrorCode::kExhausted, fmt::format("{} may have {} secrets of {} bytes in all; delete some", tenant,
                                                   kMaxSecretsOfTenant, kMaxSecretBytesOfTenant));
  }
  if (auto written = impl_->write(tenant, changed); !written) return written;
  impl_->tenants[tenant] = std::move(changed);
  return {};
}

Result<SecretValue> Secrets::get(const std::string& tenant, const std::string& name) const {
  const std::lock_guard lock(impl_->mutex);
  const auto owner = impl_->tenants.find(tenant);
  if (owner != impl_->tenants.end()) {
    const auto at = owner->second.find(name);
    if (at != owner->second.end()) return unseal(impl_->key, at->second.bytes, bindingOf(tenant, name));
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("{} has no secret {}; set it by: wasabi secret set {}", tenant, name, name));
}

Result<void> Secrets::remove(const std::string& tenant, const std::string& name) {
  const std::lock_guard lock(impl_->mutex);
  const auto owner = impl_->tenants.find(tenant);
  if (owner == impl_->tenants.end() || !owner->second.contains(name)) {
    return fail(ErrorCode::kNotFound, fmt::format("{} has no secret {}", tenant, name));
  }
  SealedByName changed = owner->second;
  changed.erase(name);
  if (auto written = impl_->write(tenant, changed); !written) return written;
  owner->second = std::move(changed);
  return {};
}

Result<void> Secrets::removeAllOf(const std::string& tenant) {
  const std::lock_guard lock(impl_->mutex);
  if (!impl_->tenants.contains(tenant)) return {};
  auto removed = impl_->disk.remove(fileOf(tenant));
  if (!removed && removed.error().code() != ErrorCode::kNotFound) return removed;
  impl_->tenants.erase(tenant);
  return impl_->disk.syncFolder("secrets");
}

std::vector<SecretInfo> Secrets::list(const std::string& tenant) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<SecretInfo> found;
  const auto owner = impl_->tenants.find(tenant);
  if (owner == impl_->tenants.end()) return found;
  for (const auto& [name, one] : owner->second) found.push_back({name, one.set_ms});
  return found;
}

bool Secrets::has(const std::string& tenant, const std::string& name) const {
  const std::lock_guard lock(impl_->mutex);
  const auto owner = impl_->tenants.find(tenant);
  return owner != impl_->tenants.end() && owner->second.contains(name);
}

}  // namespace wasabi::platform
