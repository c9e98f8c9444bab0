#!/bin/sh
# pyright and import-linter on the package as it is installed: the folders engine, sessions and tui below quantdeck.
# Strict, but for the rules that only pass on what numpy's, onnx's, cv2's and Textual's stubs leave unknown.
# Usage: tools/lint_installed.sh BIN (the bin folder of the environment)
set -eu
bin=$1
site=build/installed
rm -rf "$site"
"$bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$site" .
cp "$(pwd)/engine/ops_c/_kernels.pyi" "$site/quantdeck/engine/ops_c/" 2>/dev/null || true
cat > "$site/pyrightconfig.json" <<CONFIG
{"include": ["quantdeck"], "pythonVersion": "3.11", "typeCheckingMode": "strict",
 "reportMissingTypeStubs": "none", "reportMissingTypeArgument": "none",
 "reportUnknownMemberType": "none", "reportUnknownArgumentType": "none", "reportUnknownVariableType": "none",
 "reportUnknownLambdaType": "none", "reportUnknownParameterType": "none"}
CONFIG
"$bin/pyright" --pythonpath "$bin/python" -p "$site"
cp .importlinter "$site/"
linter=$(cd "$bin" && pwd)/lint-imports
(cd "$site" && PYTHONPATH=. "$linter")  # in that folder, so that it sees the installed package and not the sources
