// Which certificates are taken, which is shown to whom, and how they are renewed; no connection is made.
#include "http/server_tls.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "http/certificate_table.h"
#include "http/test_certificates.h"

namespace wasabi::http {
namespace {

class ServerTlsTest : public testing::Test {
 protected:
  // The message of the error that loading ends in.
  static std::string refusal(std::vector<TlsIdentity> identities) {
    const auto loaded = ServerTls::load(std::move(identities));
    return loaded ? "" : loaded.error().message();
  }
  static std::shared_ptr<ServerTls> load(std::vector<TlsIdentity> identities) {
    auto loaded = ServerTls::load(std::move(identities));
    EXPECT_TRUE(loaded) << loaded.error().message();
    return std::move(*loaded);
  }
  static std::size_t placeOf(const ServerTls& tls, const std::string& host) {
    const auto table = tls.current();
    for (std::size_t i = 0; i < table->identities().size(); ++i) {
      if (table->identities()[i].get() == &table->find(host)) return i;
    }
    return 99;
  }

  TestCertificates certificates_;
};

#define EXPECT_TELLS(text, what) EXPECT_NE((text).find(what), std::string::npos) << (text)

TEST_F(ServerTlsTest, ChoosesByNameAndByOneLabelOfAWildcard) {
  const auto tls = load({certificates_.make("default"), certificates_.make("wild", {"*.example.com"}),
                         certificates_.make("exact", {"a.example.com", "B.test"}),
                         certificates_.make("later", {"b.test", "c.test"})});
  EXPECT_EQ(placeOf(*tls, ""), 0U);
  EXPECT_EQ(placeOf(*tls, "unknown.test"), 0U);
  EXPECT_EQ(placeOf(*tls, "z.example.com"), 1U);
  EXPECT_EQ(placeOf(*tls, "A.Example.COM."), 2U);
  EXPECT_EQ(placeOf(*tls, "a.b.example.com"), 0U);
  EXPECT_EQ(placeOf(*tls, "example.com"), 0U);
  EXPECT_EQ(placeOf(*tls, "*.example.com"), 1U);
  EXPECT_EQ(placeOf(*tls, "b.test"), 2U);
  EXPECT_EQ(placeOf(*tls, "c.test"), 3U);
  EXPECT_EQ(placeOf(*tls, "."), 0U);
}

TEST_F(ServerTlsTest, RefusesWhatIsNotValidToday) {
  const auto ended = certificates_.make("ended", {.hosts = {"h"}, .begins_after = -7200, .ends_after = -10});
  const std::string text = refusal({ended});
  EXPECT_TELLS(text, ended.certificate_file);
  EXPECT_TELLS(text, "ended at 20");
  EXPECT_TELLS(text, "renew it");
  const auto early = certificates_.make("early", {.hosts = {"h"}, .begins_after = 3600, .ends_after = 7200});
  EXPECT_TELLS(refusal({early}), "begins at 20");
}

TEST_F(ServerTlsTest, RefusesAKeyOfAnotherCertificate) {
  const auto one = certificates_.make("one");
  const auto other = certificates_.make("other");
  const std::string text = refusal({{one.certificate_file, other.key_file}});
  EXPECT_TELLS(text, one.certificate_file);
  EXPECT_TELLS(text, other.key_file);
  EXPECT_TELLS(text, "does not belong");
}

TEST_F(ServerTlsTest, RefusesFilesThatAreOfNoUseAndNamesThem) {
  const auto good = certificates_.make("good", {"good.test"});
  EXPECT_TELLS(refusal({}), "needs a certificate");
  EXPECT_TELLS(refusal({{"/nonexistent.crt", good.key_file}}), "'/nonexistent.crt'");
  EXPECT_TELLS(refusal({{good.certificate_file, "/nonexistent.key"}}), "'/nonexistent.key'");
  EXPECT_TELLS(refusal({{good.key_file, good.key_file}}), "holds no certificate");
  EXPECT_TELLS(refusal({{good.certificate_file, good.certificate_file}}), "holds no private key");
  EXPECT_TELLS(refusal({{certificates_.directory(), good.key_file}}), "it is not a file");

  const std::string fifo = certificates_.directory() + "/fifo";
  ::mkfifo(fifo.c_str(), 0600);
  EXPECT_TELLS(refusal({{fifo, good.key_file}}), "it is not a file");
  const std::string damaged = certificates_.directory() + "/damaged";
  TestCertificates::write(damaged, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_TELLS(refusal({{damaged, good.key_file}}), "is damaged");
  TestCertificates::write(damaged, std::string((1 << 20) + 1, 'x'));
  EXPECT_TELLS(refusal({{damaged, good.key_file}}), "more than 1 MiB");
  EXPECT_TELLS(refusal({good, certificates_.make("nameless")}), "names no host");
}

TEST_F(ServerTlsTest, RefusesAnEncryptedKeyWithoutAskingForItsPassphrase) {
  const auto identity = certificates_.make("locked", {.hosts = {"h"}, .encrypted_key = true});
  EXPECT_TELLS(refusal({identity}), "is encrypted");
}

TEST_F(ServerTlsTest, TakesCertificateAndKeyFromOneFile) {
  const auto identity = certificates_.make("one");
  const std::string both = certificates_.directory() + "/both";
  std::filesystem::copy_file(identity.certificate_file, both);
  std::system(("cat '" + identity.key_file + "' >> '" + both + "'").c_str());
  EXPECT_EQ(refusal({{both, both}}), "");
}

TEST_F(ServerTlsTest, ReloadTakesWhatIsNewAndNothingElse) {
  const auto first = certificates_.make("first", {"first.test"});
  const auto second = certificates_.make("second", {"second.test"});
  const auto tls = load({first, second});
  const auto before = tls->current();
  EXPECT_EQ(tls->reload().replaced, 0U);
  EXPECT_EQ(tls->current(), before);

  certificates_.make("second", {"new.test"});
  const auto outcome = tls->reload();
  EXPECT_EQ(outcome.replaced, 1U);
  EXPECT_TRUE(outcome.refused.empty());
  EXPECT_EQ(placeOf(*tls, "new.test"), 1U);
  EXPECT_EQ(placeOf(*tls, "second.test"), 0U);
  EXPECT_EQ(tls->current()->identities()[0], before->identities()[0]);
}

TEST_F(ServerTlsTest, ReloadRefusesABrokenPairAndKeepsTheOldOne) {
  const auto first = certificates_.make("first", {"first.test"});
  const auto second = certificates_.make("second", {"second.test"});
  const auto tls = load({first, second});
  const auto old = tls->current()->identities()[0];
  // As if it was caught between the two files; the other identity is renewed all the same.
  std::filesystem::copy_file(second.key_file, first.key_file, std::filesystem::copy_options::overwrite_existing);
  certificates_.make("second", {"new.test"});
  for (const std::size_t replaced : {1U, 0U}) {
    const auto outcome = tls->reload();
    EXPECT_EQ(outcome.replaced, replaced);
    ASSERT_EQ(outcome.refused.size(), 1U);
    EXPECT_TELLS(outcome.refused[0].message(), first.key_file);
    EXPECT_EQ(tls->current()->identities()[0], old);
    EXPECT_EQ(placeOf(*tls, "new.test"), 1U);
  }
  std::filesystem::remove(first.certificate_file);
  EXPECT_TELLS(tls->reload().refused.at(0).message(), first.certificate_file);
  certificates_.make("first", {"first.test"});
  EXPECT_EQ(tls->reload().replaced, 1U);
}

TEST_F(ServerTlsTest, TellsWhenTheFirstCertificateEnds) {
  const auto tls = load({certificates_.make("long", {.hosts = {"l"}, .ends_after = 9000}),
                         certificates_.make("short", {.hosts = {"s"}, .ends_after = 5000})});
  const auto left = tls->soonestExpiry() - std::chrono::system_clock::now();
  EXPECT_LE(left, std::chrono::seconds(5001));
  EXPECT_GT(left, std::chrono::seconds(0));
}

}  // namespace
}  // namespace wasabi::http
