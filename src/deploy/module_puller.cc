#include "deploy/module_puller.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "deploy/incoming_folder.h"
#include "deploy/open_registry.h"
#include "oci/reference.h"

namespace wasabi::deploy {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;

Result<platform::ModuleUpload::Module> store(const platform::Blobs& blobs, int file, ByteSize limit) {
  auto upload = blobs.uploadModule(limit);
  if (!upload) return fail(std::move(upload).error());
  std::string piece(kPieceBytes, '\0');
  while (true) {
    const ssize_t got = ::read(file, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Error::fromErrno("read what was pulled", errno));
    if (got == 0) return upload->finish();
    if (auto written = upload->write({piece.data(), static_cast<std::size_t>(got)}); !written) {
      return fail(std::move(written).error());
    }
  }
}

}  // namespace

FetchModule fetchFromRegistries(oci::RegistryOptions options) {
  return [options = std::move(options)](
             const oci::Reference& reference, const std::optional<oci::Credentials>& credentials,
             const oci::ImageLayout& into, const oci::TransferControl& control) -> Result<oci::PulledWasm> {
    auto client = openRegistry(options, reference, credentials);
    if (!client) return fail(std::move(client).error());
    return oci::pullWasm(*client, reference, into, control);
  };
}

ModulePuller::ModulePuller(const platform::Blobs& blobs, FetchModule fetch, PullLimits limits)
    : blobs_(blobs), fetch_(std::move(fetch)), limits_(limits), queue_(limits.jobs) {}

void ModulePuller::pull(Remote remote, Done done) {
  auto reference = oci::parseReference(remote.reference);
  if (!reference) return done(fail(std::move(reference).error()));
  queue_.post([this, reference = *std::move(reference), credentials = std::move(remote.credentials),
               done = std::move(done)](const JobQueue::Turn& turn) mutable {
    const std::string name = oci::toString(reference);
    if (auto cut = turn.cutOff(name)) return done(fail(*std::move(cut)));
    auto pulled = fetch(reference, credentials, turn.stop());
    if (pulled) {
      pulled->took = turn.taken();
    } else if (auto cut = turn.cutOff(name)) {
      pulled = fail(*std::move(cut));
    }
    done(std::move(pulled));
  });
}

Result<PulledModule> ModulePuller::fetch(const oci::Reference& reference,
                                         const std::optional<oci::Credentials>& credentials,
                                         const std::stop_token& stop) const {
  auto folder = IncomingFolder::make(blobs_);
  if (!folder) return fail(std::move(folder).error());
  auto layout = oci::ImageLayout::openOrCreate(folder->path("layout"));
  if (!layout) return fail(std::move(layout).error());
  auto pulled = fetch_(reference, credentials, *layout, {stop, {}});
  if (!pulled) return fail(std::move(pulled).error());
  auto blob = layout->openBlob(pulled->module);
  if (!blob) return fail(std::move(blob).error());
  auto stored = store(blobs_, blob->get(), limits_.module);
  if (!stored) return fail(std::move(stored).error().within(oci::toString(reference)));
  return PulledModule{stored->digest, stored->bytes, pinned(reference, pulled->image.descriptor.digest), {}};
}

}  // namespace wasabi::deploy
