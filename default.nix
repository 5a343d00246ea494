# The programs that development needs; Python packages come from `make` or `poetry install`.
# nix-build puts them below ./result, shell.nix puts them on the path.
{ pkgs ? import <nixpkgs> { } }:
pkgs.buildEnv {
  name = "qhana-plugin-runner-tools";
  paths = with pkgs; [
    git
    gnumake
    poetry
    python3
    redis
  ];
}
