# nix-shell: a shell with the programs that development needs.
{ pkgs ? import <nixpkgs> { } }:
pkgs.mkShell {
  packages = [
    (import ./default.nix { inherit pkgs; })
    pkgs.chromium
  ];
  # Wheels of numpy and others look for these libraries.
  LD_LIBRARY_PATH = pkgs.lib.makeLibraryPath [
    pkgs.stdenv.cc.cc.lib
    pkgs.zlib
  ];
}
