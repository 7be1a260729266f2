"""An authority and certificates of it, made by openssl."""

import pathlib
import subprocess

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """Its certificate is `certificate`, beside which lie those that it signs."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.certificate = folder / "authority.pem"
        self._sign_itself("authority", "authority")

    def _openssl(self, *arguments: str):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def _result(self, name: str) -> tuple:
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _sign_itself(self, file: str, name: str):
        self._openssl("req", "-x509", *KEY, "-keyout", f"{file}.key", "-out", f"{file}.pem", "-days", "2",
                      "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")

    def self_signed(self, name: str) -> tuple:
        """Certificate and key for the host of that name, by nobody's authority."""
        self._sign_itself(f"{name}-itself", name)
        return self._result(f"{name}-itself")

    def signed(self, name: str) -> tuple:
        """The same, by this authority."""
        (self.folder / f"{name}.extensions").write_text(f"subjectAltName=DNS:{name}")
        self._openssl("req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "authority.pem", "-CAkey", "authority.key",
                      "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.extensions")
        return self._result(name)
