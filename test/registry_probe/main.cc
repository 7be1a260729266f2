// oci-registry-probe push-wasm|pull-wasm|pull-image REFERENCE PATH [USER PASSWORD]
//
// Pushes the module at PATH, or pulls into the image layout at PATH. Its answer is one line, "ok <digest of manifest>
// <digest of module or config>" or "<error code>: <message>". Waits and limits are a test's, not those of the product.
#include <fcntl.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "base/file_descriptor.h"
#include "oci/pull.h"
#include "oci/push.h"

namespace {

using namespace wasabi;
using namespace std::chrono_literals;

oci::RegistryOptions optionsOf(int count, char** arguments) {
  oci::RegistryOptions options;
  options.limits.document = ByteSize{64 << 10};
  options.limits.blob = ByteSize{8 << 20};
  options.limits.image = ByteSize{10 << 20};
  options.limits.stall = 2s;
  options.limits.first_wait = 10ms;
  options.limits.longest_wait = 100ms;
  if (count >= 6) options.credentials = oci::Credentials{arguments[4], arguments[5], false};
  return options;
}

Result<std::string> run(const std::string& what, const oci::Reference& reference, const std::string& path,
                        oci::RegistryClient& client) {
  if (what == "push-wasm") {
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return fail(Error::fromErrno(path, errno));
    auto pushed = oci::pushWasm(client, reference, file.get(), {}, {});
    if (!pushed) return fail(std::move(pushed).error());
    return oci::toString(pushed->manifest) + " " + oci::toString(pushed->module);
  }
  auto layout = oci::ImageLayout::openOrCreate(path);
  if (!layout) return fail(std::move(layout).error());
  if (what == "pull-image") {
    auto image = oci::pullImage(client, reference, {}, *layout, {});
    if (!image) return fail(std::move(image).error());
    return oci::toString(image->descriptor.digest) + " " + oci::toString(image->manifest.config.digest);
  }
  if (what != "pull-wasm") return fail(ErrorCode::kInvalid, "no such command");
  auto pulled = oci::pullWasm(client, reference, *layout, {});
  if (!pulled) return fail(std::move(pulled).error());
  return oci::toString(pulled->image.descriptor.digest) + " " + oci::toString(pulled->module.digest);
}

Result<std::string> probe(int count, char** arguments) {
  auto reference = oci::parseReference(arguments[2]);
  if (!reference) return fail(std::move(reference).error());
  auto client = oci::RegistryClient::open(reference->registry, optionsOf(count, arguments));
  if (!client) return fail(std::move(client).error());
  return run(arguments[1], *reference, arguments[3], *client);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4 && count != 6) {
    std::fputs("usage: oci-registry-probe push-wasm|pull-wasm|pull-image REFERENCE PATH [USER PASSWORD]\n", stderr);
    return 2;
  }
  const auto told = probe(count, arguments);
  if (told) {
    std::printf("ok %s\n", told->c_str());
    return 0;
  }
  const std::string code(toString(told.error().code()));
  std::printf("%s: %s\n", code.c_str(), told.error().message().c_str());
  return 1;
}
