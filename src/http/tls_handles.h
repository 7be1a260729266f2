// OpenSSL's objects with an owner, and its errors as text. For the .cc files of this folder.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace wasabi::http {

template <auto kFree>
struct SslFree {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using SslHandle = std::unique_ptr<SSL, SslFree<SSL_free>>;
using SslContext = std::unique_ptr<SSL_CTX, SslFree<SSL_CTX_free>>;
using SslBio = std::unique_ptr<BIO, SslFree<BIO_free>>;
using SslBioMethod = std::unique_ptr<BIO_METHOD, SslFree<BIO_meth_free>>;
using SslCertificate = std::unique_ptr<X509, SslFree<X509_free>>;
using SslKey = std::unique_ptr<EVP_PKEY, SslFree<EVP_PKEY_free>>;

// The first error of this thread in words; all of them are forgotten.
std::string takeSslError();

}  // namespace wasabi::http
