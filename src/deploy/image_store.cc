#include "deploy/image_store.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/file_descriptor.h"
#include "deploy/open_registry.h"
#include "oci/media_type.h"
#include "oci/pull.h"

namespace wasabi::deploy {
namespace {

namespace fs = std::filesystem;

// Counts while it lives.
class Coming {
 public:
  explicit Coming(std::atomic<std::uint32_t>& count) : count_(count) { ++count_; }
  ~Coming() { --count_; }
  Coming(const Coming&) = delete;
  Coming& operator=(const Coming&) = delete;

 private:
  std::atomic<std::uint32_t>& count_;
};

std::string imageJson(const oci::Image& image, const oci::Digest& root) {
  std::string layers = fmt::format("\"{}\", \"{}\"", oci::toString(image.descriptor.digest),
                                   oci::toString(image.manifest.config.digest));
  for (const oci::Descriptor& layer : image.manifest.layers)
    layers += fmt::format(", \"{}\"", oci::toString(layer.digest));
  return fmt::format("{{\"layers\": [{}], \"root\": \"{}\"}}\n", layers, oci::toString(root));
}

std::uint64_t bytesIn(const oci::Manifest& manifest) {
  std::uint64_t bytes = manifest.config.size;
  for (const oci::Descriptor& layer : manifest.layers) bytes += layer.size;
  return bytes;
}

bool namesProgram(const oci::ImageConfig& config, const catalog::ContainerSettings& settings) {
  return !settings.command.empty() || !config.command().empty();
}

}  // namespace

FetchImage fetchImagesFromRegistries(oci::RegistryOptions options) {
  return [options = std::move(options)](
             const oci::Reference& reference, const std::optional<oci::Credentials>& credentials,
             const oci::ImageLayout& into, const oci::TransferControl& control) -> Result<oci::Image> {
    auto client = openRegistry(options, reference, credentials);
    if (!client) return fail(std::move(client).error());
    return oci::pullImage(*client, reference, {}, into, control);
  };
}

ImageStore::ImageStore(const platform::Blobs& blobs, FetchImage fetch, ImageLimits limits, oci::ImageLayout layout,
                       oci::RootStore roots)
    : blobs_(blobs), fetch_(std::move(fetch)), limits_(limits), layout_(std::move(layout)), roots_(std::move(roots)) {}

Result<std::unique_ptr<ImageStore>> ImageStore::open(const platform::Blobs& blobs, FetchImage fetch,
                                                     ImageLimits limits) {
  auto layout = oci::ImageLayout::openOrCreate(blobs.layersPath());
  if (!layout) return fail(std::move(layout).error());
  auto roots = oci::RootStore::open(blobs.rootsPath(), limits.owners);
  if (!roots) return fail(std::move(roots).error());
  layout->removeLeftovers();
  oci::removeImportLeftovers(*layout);
  roots->removeLeftovers();
  return std::unique_ptr<ImageStore>(
      new ImageStore(blobs, std::move(fetch), limits, *std::move(layout), *std::move(roots)));
}

Result<StoredImage> ImageStore::pull(const oci::Reference& reference,
                                     const std::optional<oci::Credentials>& credentials,
                                     const oci::TransferControl& control) const {
  const Coming coming(coming_);
  auto image = fetch_(reference, credentials, layout_, control);
  if (!image) return fail(std::move(image).error());
  auto stored = keep(*image);
  if (stored) stored->source = pinned(reference, image->descriptor.digest);
  return stored;
}

Result<StoredImage> ImageStore::import(const std::string& path, std::stop_token stop) const {
  const Coming coming(coming_);
  oci::ImportOptions options;
  options.limits = limits_.import;
  options.stop = std::move(stop);
  auto image = oci::importImage(path, layout_, "", options);
  if (!image) return fail(std::move(image).error());
  return keep(*image);
}

Result<StoredImage> ImageStore::keep(const oci::Image& image) const {
  auto config = oci::readImageConfig(layout_, image.manifest, oci::hostPlatform());
  if (!config) return fail(std::move(config).error());
  if (config->diff_ids.empty()) return fail(ErrorCode::kInvalid, "the image has no layers, so there is nothing to run");
  const platform::Digest digest{image.descriptor.digest.bytes};
  if (auto put = blobs_.putImage(digest, imageJson(image, oci::chainId(config->diff_ids))); !put) {
    return fail(std::move(put).error());
  }
  // What is there is told by images/; names in the index would only grow.
  if (auto emptied = layout_.replaceIndex({std::string(oci::kOciIndex), {}, {}}); !emptied) {
    return fail(std::move(emptied).error());
  }
  return StoredImage{digest, image.descriptor.size + bytesIn(image.manifest), {}};
}

Result<oci::Descriptor> ImageStore::describe(const oci::Digest& blob) const {
  std::error_code error;
  const auto size = fs::file_size(blobs_.pathOf(platform::BlobKind::kLayer, {blob.bytes}), error);
  if (error) return fail(Error::fromErrno("blob " + oci::toString(blob), error.value()));
  oci::Descriptor descriptor;
  descriptor.digest = blob;
  descriptor.size = size;
  return descriptor;
}

Result<ImageStore::Parts> ImageStore::read(const platform::Digest& image) const {
  auto descriptor = describe({image.bytes});
  if (!descriptor) return fail(std::move(descriptor).error());
  auto text = layout_.readDocument(*descriptor);
  if (!text) return fail(std::move(text).error());
  auto document = oci::parseDocument(*text, {});
  if (!document) return fail(std::move(document).error());
  auto* manifest = std::get_if<oci::Manifest>(&*document);
  if (manifest == nullptr) return fail(ErrorCode::kCorrupt, "the image's manifest is an index");
  auto config = oci::readImageConfig(layout_, *manifest, oci::hostPlatform());
  if (!config) return fail(std::move(config).error());
  return Parts{std::move(*manifest), *std::move(config)};
}

Result<void> ImageStore::check(const platform::Digest& image, const catalog::ContainerSettings& settings) const {
  auto parts = read(image);
  if (!parts) return fail(std::move(parts).error());
  if (namesProgram(parts->config, settings)) return {};
  return fail(ErrorCode::kInvalid,
              "the image names no program to run; name it in the manifest, as command = [\"/bin/app\"]");
}

Result<std::uint64_t> ImageStore::bytesOf(const platform::Digest& image) const {
  auto descriptor = describe({image.bytes});
  if (!descriptor) return fail(std::move(descriptor).error());
  auto parts = read(image);
  if (!parts) return fail(std::move(parts).error());
  return descriptor->size + bytesIn(parts->manifest);
}

Result<PreparedImage> ImageStore::prepare(const platform::Digest& image, const catalog::ContainerSettings& settings,
                                          std::stop_token stop,
                                          std::function<void(std::uint64_t, std::uint64_t)> progress) const {
  auto parts = read(image);
  if (!parts) return fail(std::move(parts).error());
  oci::UnpackOptions options;
  options.limits = limits_.unpack;
  options.stop = std::move(stop);
  options.progress = std::move(progress);
  auto root = roots_.ensure(layout_, parts->manifest, parts->config, std::move(options));
  if (!root) return fail(std::move(root).error());
  const FileDescriptor directory(::open(root->path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return fail(Error::fromErrno(root->path, errno));
  auto user = oci::resolveImageUser(directory.get(), settings.user.value_or(parts->config.user));
  if (!user) return fail(std::move(user).error());
  PreparedImage prepared;
  prepared.root = root->path;
  prepared.entry_point = std::move(parts->config.entrypoint);
  prepared.arguments = std::move(parts->config.cmd);
  prepared.environment = std::move(parts->config.env);
  prepared.working_directory = std::move(parts->config.working_dir);
  prepared.user = *std::move(user);
  return prepared;
}

}  // namespace wasabi::deploy
