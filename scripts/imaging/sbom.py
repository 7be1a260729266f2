"""What an image is made of, as an SPDX 2.3 document: Debian packages of its libraries and headers, and crates."""

import pathlib
import re
import subprocess
import tomllib

from .layout import sha256_of

# Sources that are compiled into the programs and leave no library to find them by.
HEADER_PACKAGES = ["libboost1.81-dev", "libcli11-dev", "libexpected-dev", "libtomlplusplus-dev", "nlohmann-json3-dev"]
NOTHING = "NOASSERTION"


def spdx_id(*parts: str) -> str:
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(parts))


def package_of(library: pathlib.Path) -> str:
    """The Debian package of a file; before and after /lib became a link to /usr/lib it is known by one name or the other."""
    real = library.resolve()
    candidates = [library, real, pathlib.Path("/usr" + str(library)), pathlib.Path(str(real).removeprefix("/usr"))]
    for candidate in candidates:
        found = subprocess.run(["dpkg-query", "--search", str(candidate)], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(":", 1)[0]
    raise SystemExit(f"images: no package knows {library}")


def debian_package(name: str) -> dict:
    form = "${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Homepage}"
    told = subprocess.run(["dpkg-query", "--show", f"--showformat={form}", name], capture_output=True, text=True, check=True)
    version, architecture, source, source_version, homepage = told.stdout.split("\n")[0].split("\t")
    return {
        "SPDXID": spdx_id("deb", name), "name": name, "versionInfo": version, "supplier": "Organization: Debian",
        "downloadLocation": NOTHING, "filesAnalyzed": False, "homepage": homepage or NOTHING,
        "licenseConcluded": NOTHING, "licenseDeclared": NOTHING, "copyrightText": NOTHING,
        "licenseComments": licences_of(name), "sourceInfo": f"built from {source} {source_version}",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:deb/debian/{name}@{version}?arch={architecture}"}],
    }


def licences_of(package: str) -> str:
    file = pathlib.Path(f"/usr/share/doc/{package}/copyright")
    if not file.exists():
        return "its copyright file is not installed"
    named = sorted(set(re.findall(r"^License:\s*(\S.*)$", file.read_text(errors="replace"), re.M)))
    return "its copyright file names: " + ", ".join(named) if named else "see its copyright file"


def crates_of(lock: pathlib.Path, roots: list) -> list:
    """The crates that those of `roots` depend on, as the lock file pins them."""
    packages = tomllib.loads(lock.read_text())["package"]
    by_name = {}
    for package in packages:
        by_name.setdefault(package["name"], []).append(package)
    found, waiting = {}, [package for root in roots for package in by_name[root]]
    while waiting:
        package = waiting.pop()
        key = (package["name"], package["version"])
        if key in found:
            continue
        found[key] = package
        for dependency in package.get("dependencies", []):
            name, _, rest = dependency.partition(" ")
            version = rest.split(" ")[0]
            waiting += [one for one in by_name[name] if not version or one["version"] == version]
    return [package for key, package in sorted(found.items()) if package.get("source")]


def crate_package(crate: dict) -> dict:
    return {
        "SPDXID": spdx_id("crate", crate["name"], crate["version"]), "name": crate["name"],
        "versionInfo": crate["version"], "downloadLocation": NOTHING, "filesAnalyzed": False,
        "licenseConcluded": NOTHING, "licenseDeclared": NOTHING, "copyrightText": NOTHING,
        "checksums": [{"algorithm": "SHA256", "checksumValue": crate["checksum"]}],
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:cargo/{crate['name']}@{crate['version']}"}],
    }


def document(image: str, version: str, layer: bytes, libraries: list, has_certificates: bool, crates: list,
             created: str) -> dict:
    """`created`: when, in UTC. It is no time of making, so that the same input makes the same document."""
    top = {"SPDXID": spdx_id("image"), "name": image, "versionInfo": version, "supplier": NOTHING,
           "downloadLocation": NOTHING, "filesAnalyzed": False, "licenseConcluded": "Apache-2.0",
           "licenseDeclared": "Apache-2.0", "copyrightText": NOTHING, "primaryPackagePurpose": "CONTAINER",
           "checksums": [{"algorithm": "SHA256", "checksumValue": sha256_of(layer)}],
           "comment": "The checksum is that of the image's layer, unpacked."}
    contained = sorted({package_of(library) for library in libraries} | ({"ca-certificates"} if has_certificates else set()))
    compiled_in = [debian_package(name) for name in HEADER_PACKAGES] + [crate_package(crate) for crate in crates]
    packages = [debian_package(name) for name in contained]
    relation = lambda kind, package: {"spdxElementId": top["SPDXID"], "relationshipType": kind,
                                      "relatedSpdxElement": package["SPDXID"]}
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": image,
        "documentNamespace": f"https://wasabi.invalid/spdx/{image}/{sha256_of(layer)}",
        "creationInfo": {"created": created, "creators": ["Tool: wasabi-images"]},
        "packages": [top] + packages + compiled_in,
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                           "relatedSpdxElement": top["SPDXID"]}]
        + [relation("CONTAINS", package) for package in packages]
        + [relation("STATIC_LINK", package) for package in compiled_in],
    }
