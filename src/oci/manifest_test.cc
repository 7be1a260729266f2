#include "oci/manifest.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci/media_type.h"
#include "oci/wasm_artifact.h"

namespace wasabi::oci {
namespace {

using testing::HasSubstr;

std::string descriptor(std::string_view type, std::string_view more = "") {
  return fmt::format(R"({{"mediaType":"{}","digest":"sha256:{}","size":7{}}})", type, std::string(64, '1'), more);
}

std::string manifestText(std::string_view layer_type, std::string_view config_type = kOciImageConfig) {
  return fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]}})", descriptor(config_type),
                     descriptor(layer_type));
}

std::string indexText(std::string_view entries) {
  return fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})", kOciIndex, entries);
}

std::string entryFor(std::string_view os, std::string_view architecture, std::string_view variant = "") {
  return descriptor(kOciManifest, fmt::format(R"(,"platform":{{"os":"{}","architecture":"{}","variant":"{}"}})", os,
                                              architecture, variant));
}

std::string refusal(std::string_view text, std::string_view type = "") {
  const auto parsed = parseDocument(text, type);
  return parsed ? "accepted" : parsed.error().message();
}

Manifest manifestWith(std::string_view layer_type, std::string_view config_type = kOciImageConfig) {
  return std::get<Manifest>(*parseDocument(manifestText(layer_type, config_type), ""));
}

TEST(ManifestDocument, OfOciAndOfDocker) {
  for (const std::string_view type : {kOciManifest, kDockerManifest}) {
    const auto parsed = parseDocument(manifestText("x/y"), type);
    ASSERT_TRUE(parsed) << parsed.error().message();
    const auto& manifest = std::get<Manifest>(*parsed);
    EXPECT_EQ(manifest.media_type, type);
    EXPECT_EQ(manifest.layers.at(0).size, 7U);
    EXPECT_EQ(manifest.config.media_type, kOciImageConfig);
  }
  EXPECT_TRUE(parseDocument(manifestText("x/y"), "application/vnd.oci.image.manifest.v1+json; charset=utf-8"));
}

TEST(ManifestDocument, SaysTheSameWhenWrittenAgain) {
  Manifest manifest = manifestWith("x/y");
  manifest.artifact_type = "a/b";
  manifest.annotations["k"] = "v";
  manifest.layers[0].annotations["t"] = "u";
  EXPECT_EQ(std::get<Manifest>(*parseDocument(toJson(manifest), "")), manifest);
  const auto index = std::get<Index>(*parseDocument(indexText(entryFor("linux", "arm", "v7")), ""));
  EXPECT_EQ(std::get<Index>(*parseDocument(toJson(index), "")), index);
}

TEST(ManifestDocument, IsOneThingOnly) {
  const std::string both =
      fmt::format(R"({{"schemaVersion":2,"config":{0},"layers":[],"manifests":[]}})", descriptor("c"));
  EXPECT_THAT(refusal(both), HasSubstr("depends on who reads it"));
  EXPECT_THAT(refusal(manifestText("x/y"), kOciIndex), HasSubstr("is no media type of a manifest"));
  EXPECT_THAT(refusal(indexText(""), kDockerManifestList), HasSubstr("it calls itself"));
}

TEST(ManifestDocument, Refused) {
  EXPECT_THAT(refusal("", ""), HasSubstr("is no JSON"));
  EXPECT_THAT(refusal("[]", ""), HasSubstr("is no JSON object"));
  EXPECT_THAT(refusal("{}", ""), HasSubstr("schemaVersion"));
  EXPECT_THAT(refusal("{}", "application/vnd.docker.distribution.manifest.v1+prettyjws"), HasSubstr("schema 1"));
  EXPECT_THAT(refusal(R"({"schemaVersion":2})"), HasSubstr("config: a descriptor is missing"));
  EXPECT_THAT(refusal(std::string(100, '[')), HasSubstr("nested deeper"));
  EXPECT_THAT(refusal(std::string(5 << 20, ' ')), HasSubstr("at most 4MiB"));
  std::string text = manifestText("x/y");
  text.replace(text.find("sha256:1"), 8, "sha256:Z");
  EXPECT_THAT(refusal(text), HasSubstr("config: a sha256 digest has hex digits"));
  text = manifestText("x/y");
  text.replace(text.find(":7"), 2, ":-7");
  EXPECT_THAT(refusal(text), HasSubstr("'size' is no whole number"));
  std::string many = descriptor("x/y");
  for (std::size_t i = 0; i < kMaxLayers; ++i) many += ',' + descriptor("x/y");
  EXPECT_THAT(refusal(fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]}})", descriptor("c"), many)),
              HasSubstr("'layers' has 257 entries of at most 256"));
}

TEST(ManifestIndex, HasOneForThePlatform) {
  const auto index = std::get<Index>(*parseDocument(
      indexText(entryFor("linux", "arm64", "v8") + ',' + entryFor("linux", "amd64", "v3") + ',' +
                entryFor("linux", "amd64") + ',' + entryFor("windows", "amd64") + ',' + entryFor("unknown", "unknown")),
      ""));
  EXPECT_EQ(choosePlatform(index, {"linux", "amd64", ""})->platform->variant, "");
  EXPECT_EQ(choosePlatform(index, {"linux", "amd64", "v3"})->platform->variant, "v3");
  EXPECT_EQ(choosePlatform(index, {"linux", "arm64", ""})->platform->variant, "v8");
  EXPECT_EQ(choosePlatform(index, {"linux", "s390x", ""}).error().message(),
            "there is no image for linux/s390x; there are: linux/arm64/v8, linux/amd64/v3, linux/amd64, windows/amd64");
}

TEST(ManifestIndex, WithoutPlatformsIsTakenOnlyIfThereIsNoChoice) {
  const auto one = std::get<Index>(*parseDocument(indexText(descriptor(kOciManifest)), ""));
  EXPECT_TRUE(choosePlatform(one, hostPlatform()));
  const auto two =
      std::get<Index>(*parseDocument(indexText(descriptor(kOciManifest) + ',' + descriptor(kOciManifest)), ""));
  EXPECT_FALSE(choosePlatform(two, hostPlatform()));
}

TEST(WasmManifest, IsFoundByItsLayer) {
  for (const char* type :
       {"application/wasm", "application/vnd.wasm.content.layer.v1+wasm",
        "application/vnd.module.wasm.content.layer.v1+wasm", "application/vnd.w3c.wasm.component.v1+wasm"}) {
    const auto layers = wasmLayers(manifestWith(type, kWasmConfig));
    ASSERT_TRUE(layers) << type;
    EXPECT_FALSE(layers->packed);
  }
  EXPECT_TRUE(wasmLayers(manifestWith("application/vnd.docker.image.rootfs.diff.tar.gzip"))->packed);
}

TEST(WasmManifest, IgnoresWhatLiesBesideTheModule) {
  Manifest manifest = manifestWith("text/plain");
  manifest.layers.push_back({"application/wasm", {}, 5, {}, {}});
  manifest.layers.push_back({std::string(kOciLayerTar), {}, 5, {}, {}});
  const auto layers = wasmLayers(manifest);
  ASSERT_TRUE(layers);
  ASSERT_EQ(layers->layers.size(), 1U);
  EXPECT_EQ(layers->layers[0].media_type, "application/wasm");
}

TEST(WasmManifest, SaysWhyItIsNone) {
  const auto why = [](const Manifest& manifest) { return wasmLayers(manifest).error().message(); };
  EXPECT_THAT(why(manifestWith("application/vnd.wasm.content.layer.v1+wasm",
                               "application/vnd.fermyon.spin.application.v1+config")),
              HasSubstr("a Spin application"));
  EXPECT_THAT(why(manifestWith("x/y", "application/vnd.wasmcloud.provider.archive.config")),
              HasSubstr("provider of wasmCloud"));
  EXPECT_THAT(why(manifestWith("text/plain")),
              HasSubstr("no layer of it is WebAssembly or an archive (its first is 'text/plain')"));
  EXPECT_THAT(why(manifestWith("application/vnd.oci.image.layer.v1.tar+gzip+encrypted")), HasSubstr("encrypted"));
  EXPECT_THAT(why(manifestWith("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")),
              HasSubstr("foreign layer"));
  Manifest two = manifestWith("application/wasm");
  two.layers.push_back(two.layers[0]);
  EXPECT_THAT(why(two), HasSubstr("holds 2 modules"));
  Manifest large = manifestWith("application/wasm");
  large.layers[0].size = kMaxWasmBytes.value + 1;
  EXPECT_THAT(why(large), HasSubstr("of at most 256MiB"));
}

TEST(WasmManifest, IndexEntriesForComponentsComeFirst) {
  const auto index = std::get<Index>(*parseDocument(
      indexText(entryFor("linux", "amd64") + ',' + entryFor("wasip1", "wasm") + ',' + entryFor("wasip2", "wasm")), ""));
  EXPECT_EQ(chooseWasm(index)->platform->os, "wasip2");
  const auto none =
      std::get<Index>(*parseDocument(indexText(entryFor("linux", "amd64") + ',' + entryFor("linux", "arm64")), ""));
  EXPECT_EQ(chooseWasm(none).error().code(), ErrorCode::kNotFound);
}

TEST(WasmManifest, OfAPushedModuleIsReadBack) {
  const WasmArtifact artifact =
      makeWasmArtifact({digestOf("module"), 6, true, {"wasi:http/types@0.2.0"}, {"e"}, "app.wasm", {}});
  const auto parsed = std::get<Manifest>(*parseDocument(artifact.manifest, kOciManifest));
  EXPECT_EQ(parsed.config, artifact.config_descriptor);
  EXPECT_EQ(parsed.config.media_type, kWasmConfig);
  EXPECT_EQ(wasmLayers(parsed)->layers[0].digest, digestOf("module"));
  EXPECT_THAT(artifact.config, HasSubstr(R"("os":"wasip2")"));
  EXPECT_THAT(artifact.config, HasSubstr(R"("imports":["wasi:http/types@0.2.0"])"));
  EXPECT_THAT(artifact.config, HasSubstr(toString(digestOf("module"))));
}

}  // namespace
}  // namespace wasabi::oci
