#include "cli/superpod_manifests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/yaml_text.h"

namespace wasabi::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

SuperpodPlan planOf() {
  SuperpodPlan plan;
  plan.registry = "r.example/wasabi";
  plan.version = "1";
  plan.memory = {4ull << 30};
  plan.cpu = {1.5};
  plan.catalog = {{"superpod-catalog-0", {{"acme_hello.toml", "acme/hello.toml", "module = \"x\"\n", true}}}};
  return plan;
}

policy::SuperpodSizing sizingOf(const SuperpodPlan& plan) {
  policy::SuperpodWishes wishes;
  wishes.pod_memory = plan.memory;
  wishes.pod_cpu = plan.cpu;
  wishes.smallest_request = {32ull << 20};
  return policy::sizeSuperpod(wishes).sizing;
}

TEST(YamlText, BlocksAreTheTextAndLongCommentsWrap) {
  YamlText yaml;
  yaml.block("plain", "a: b\n\n# c\n");
  yaml.block("tab", "\tx\n");
  yaml.block("no_end", "x");
  yaml.comment(std::string(100, 'a') + " " + std::string(30, 'b'));
  EXPECT_EQ(yaml.take(), "plain: |\n  a: b\n\n  # c\ntab: \"\\tx\\n\"\nno_end: \"x\"\n# " + std::string(100, 'a') +
                             "\n# " + std::string(30, 'b') + "\n");
}

TEST(SuperpodManifests, EverySettingOfTheSizingIsThereWithItsReason) {
  const SuperpodPlan plan = planOf();
  const policy::SuperpodSizing sizing = sizingOf(plan);
  const std::string yaml = knativeYaml(plan, sizing);
  for (const policy::SizedSetting& setting : sizing.annotations) {
    EXPECT_THAT(yaml, HasSubstr(setting.name + ": \"" + setting.value + "\"\n"));
    EXPECT_THAT(yaml, HasSubstr("# " + setting.why.substr(0, 30)));
  }
  for (const policy::SizedSetting& setting : sizing.fields) {
    EXPECT_THAT(yaml, HasSubstr(setting.name + ": " + setting.value + "\n"));
  }
  EXPECT_THAT(yaml, HasSubstr("limits: {memory: 4096Mi, cpu: 1500m}"));
}

// The walls between the two containers.
TEST(SuperpodManifests, TheBoxSeesNeitherTheKeyNorMayItWriteWhatItRuns) {
  SuperpodPlan plan = planOf();
  plan.secrets = {{"acme", "acme-secrets"}};
  plan.registry_secret = "registry";
  for (const std::string& yaml : {knativeYaml(plan, sizingOf(plan)), kubernetesYaml(plan)}) {
    const std::string box =
        yaml.substr(yaml.find("- name: box"), yaml.find("- name: companion") - yaml.find("- name: box"));
    EXPECT_THAT(box, HasSubstr("{name: shared, mountPath: /wasabi, readOnly: true}"));
    EXPECT_THAT(box, HasSubstr("{name: secrets-acme, mountPath: /secrets/acme, readOnly: true}"));
    EXPECT_THAT(box, HasSubstr("--compile=never"));
    EXPECT_THAT(box, Not(HasSubstr("keys")));
    EXPECT_THAT(box, Not(HasSubstr("registry,")));
    EXPECT_THAT(box, Not(HasSubstr("catalog, mountPath")));
    const std::string companion =
        yaml.substr(yaml.find("- name: companion"), yaml.find("volumes:") - yaml.find("- name: companion"));
    EXPECT_THAT(companion, Not(HasSubstr("secrets-acme")));
    EXPECT_THAT(companion, HasSubstr("--credentials=/registry/.dockerconfigjson"));
    for (const std::string& container : {box, companion}) {
      EXPECT_THAT(container, HasSubstr("readOnlyRootFilesystem: true"));
      EXPECT_THAT(container, HasSubstr("capabilities: {drop: [ALL]}"));
      EXPECT_THAT(container, HasSubstr("runAsUser: 65532"));
    }
    EXPECT_THAT(yaml, HasSubstr("automountServiceAccountToken: false"));
  }
}

TEST(SuperpodManifests, BinaryFilesAreBase64) {
  SuperpodPlan plan = planOf();
  plan.catalog.front().entries.push_back({"acme_a.wasm", "acme/a.wasm", std::string("\0asm", 4), false});
  const std::string yaml = configMapsYaml(plan);
  EXPECT_THAT(yaml, HasSubstr("binaryData:\n  \"acme_a.wasm\": AGFzbQ==\n"));
  EXPECT_THAT(yaml, HasSubstr("data:\n  \"acme_hello.toml\": |\n    module = \"x\"\n"));
  EXPECT_THAT(kubernetesYaml(plan), HasSubstr("- {key: \"acme_a.wasm\", path: \"acme/a.wasm\"}"));
}

TEST(SuperpodManifests, WhatKubernetesWouldRefuseIsRefused) {
  EXPECT_TRUE(checkPlan(planOf()));
  const auto refused = [](auto change) {
    SuperpodPlan plan = planOf();
    change(plan);
    return !checkPlan(plan);
  };
  EXPECT_TRUE(refused([](SuperpodPlan& plan) { plan.name = "Superpod"; }));
  EXPECT_TRUE(refused([](SuperpodPlan& plan) { plan.name_space = "a b"; }));
  EXPECT_TRUE(refused([](SuperpodPlan& plan) { plan.registry.clear(); }));
  EXPECT_TRUE(refused([](SuperpodPlan& plan) { plan.catalog.clear(); }));
  EXPECT_TRUE(refused([](SuperpodPlan& plan) { plan.registry_secret = "x: y"; }));
  EXPECT_TRUE(refused([](SuperpodPlan& plan) { plan.secrets = {{"acme", "a"}, {"acme", "b"}}; }));
  EXPECT_TRUE(refused([](SuperpodPlan& plan) { plan.secrets = {{std::string(60, 'a'), "a"}}; }));
  EXPECT_EQ(parseTenantSecret("acme=x")->secret, "x");
  for (const char* text : {"acme", "acme=", "=x", "A=x", "acme=x=y"}) EXPECT_FALSE(parseTenantSecret(text)) << text;
}

}  // namespace
}  // namespace wasabi::cli
