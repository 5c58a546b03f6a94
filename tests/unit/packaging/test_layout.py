"""What the project installs: figwatch and its command, nothing else, whole."""

import email
import pathlib
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = PROJECT["tool"]["setuptools"]["package-dir"]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
DATA = (".sql", ".lock", ".html", ".css", ".js", ".yaml", ".json", ".typed", ".avsc", ".md")


def sources() -> set[str]:
    """Every file that must be in the wheel, by its installed name."""
    found = set()
    for package, folder in FOLDERS.items():
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and (file.suffix == ".py" or file.suffix in DATA):
                below = file.relative_to(ROOT / folder).as_posix()
                found.add(f"{package.replace('.', '/')}/{below}")
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> pathlib.Path:
    """The built wheel, from a copy: a build leaves folders behind."""
    place = tmp_path_factory.mktemp("wheel")
    copy = place / "project"
    copy.mkdir()
    for name in FOLDERS.values():
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    subprocess.run(
        [*PIP, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(place), str(copy)],
        check=True,
        capture_output=True,
        timeout=200,
    )
    (built,) = place.glob("*.whl")
    return built


def test_every_package_of_the_tree_and_every_folder_of_data_is_named_in_pyproject():
    packages = {str(pathlib.PurePath(name).parent).replace("/", ".") for name in sources()}
    assert packages == set(PROJECT["tool"]["setuptools"]["packages"])


def test_the_wheel_holds_figwatch_whole_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (entry_points,) = (n for n in archive.namelist() if n.endswith("/entry_points.txt"))
        scripts = archive.read(entry_points).decode()
    assert {"figwatch"} == {name.split("/")[0] for name in names}
    assert set() == sources() - names
    assert "[console_scripts]\nfigwatch = figwatch.cli.main:main" == scripts.strip()


def test_the_wheel_names_licence_and_python(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        fields = email.message_from_bytes(archive.read(metadata))
    assert ("figwatch", "Apache-2.0") == (fields["Name"], fields["License-Expression"])
    assert ">=3.11" == fields["Requires-Python"]


def test_the_wheel_installs_into_a_fresh_environment_and_runs(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    # Only the project itself is installed fresh; its dependencies are this environment's.
    subprocess.run(
        [*PIP, "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (ours,) = (p for p in sys.path if p.endswith("site-packages"))
    (theirs,) = (tmp_path / "env").glob("lib/python*/site-packages")
    installed = {p.name for p in theirs.iterdir()}
    assert {"figwatch", f"figwatch-{PROJECT['project']['version']}.dist-info"} == installed
    # Names of this environment's own, so that its editable figwatch is not found.
    for package in pathlib.Path(ours).iterdir():
        if "figwatch" not in package.name and not package.name.endswith(".pth"):
            (theirs / package.name).symlink_to(package)
    done = subprocess.run(
        [str(tmp_path / "env" / "bin" / "figwatch"), "--version"],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert f"figwatch {PROJECT['project']['version']}" == done.stdout.decode().strip()
    origin = subprocess.run(
        [str(python), "-c", "import figwatch.validators as v; print(v.__file__)"],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert str(tmp_path) in origin.stdout.decode()


def test_every_dependency_is_pinned_in_the_constraints():
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    wanted = [*PROJECT["project"]["dependencies"]]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        wanted += extra
    names = set()
    for line in wanted:
        name = line.split(";")[0]
        for mark in "<>=[ ":
            name = name.split(mark)[0]
        names.add(name.lower().replace("_", "-"))
    assert set() == names - pinned - {"figwatch"}


def test_continuous_integration_runs_the_readmes_test_command():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert "exec make test" == lines[-1]


def test_the_readme_has_exactly_two_commands_to_set_up():
    text = (ROOT / "README.md").read_text()
    commands = [line for line in text.splitlines() if line.startswith("make ")]
    assert ["make demo", "make test"] == [line.split("#")[0].strip() for line in commands]
