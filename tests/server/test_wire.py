"""The panel's types follow the broker's messages."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import BaseModel

import jupyter_continuum
from jupyter_continuum.broker.messages.clusters import (
    AccessView,
    ClientView,
    ClusterView,
    DeviceView,
    DryRun,
    GroupDryRun,
    GroupView,
    LinkView,
    PlaceView,
    WorkerState,
    WorkerView,
)
from jupyter_continuum.broker.messages.datasets import (
    DatasetView,
    FetchView,
    FilesView,
    FileView,
    ResidencyView,
    ToldView,
)
from jupyter_continuum.broker.messages.environments import ParityRow, ParityView
from jupyter_continuum.broker.messages.policy import FindingView, PolicyView
from jupyter_continuum.broker.messages.probes import ReachRow, ReachView
from jupyter_continuum.broker.messages.prompts import PromptView
from jupyter_continuum.broker.messages.sites import (
    AmountView,
    AssociationView,
    CandidateView,
    ClaimView,
    CredentialView,
    DraftView,
    OfferView,
    RankView,
    SiteState,
    SiteView,
    WaitView,
)
from jupyter_continuum.planning.plan import GroupPlan, Plan
from jupyter_continuum.planning.policy import Policy
from jupyter_continuum.runs.sweep.view import SweepRow, SweepView
from jupyter_continuum.sites.profile import PodFlavour, Profile, SshLogin

SOURCE = Path(__file__).resolve().parents[2] / "labextension" / "src"
WIRE = "".join(path.read_text() for path in sorted((SOURCE / "wire").glob("*.ts")))

MODELS: dict[str, type[BaseModel]] = {
    "IAmount": AmountView,
    "IWait": WaitView,
    "IRank": RankView,
    "IOffer": OfferView,
    "IClaim": ClaimView,
    "ICredential": CredentialView,
    "ISite": SiteView,
    "IReach": ReachView,
    "IReachRow": ReachRow,
    "IDevice": DeviceView,
    "IWorker": WorkerView,
    "IGroup": GroupView,
    "ILink": LinkView,
    "IClient": ClientView,
    "IPlace": PlaceView,
    "IAccess": AccessView,
    "IResidency": ResidencyView,
    "ICluster": ClusterView,
    "IDataset": DatasetView,
    "ITold": ToldView,
    "IFile": FileView,
    "IFiles": FilesView,
    "IFetch": FetchView,
    "IPrompt": PromptView,
    "IFinding": FindingView,
    "IPolicyView": PolicyView,
    "IPolicy": Policy,
    "IDryRun": DryRun,
    "IGroupDryRun": GroupDryRun,
    "IParity": ParityView,
    "IParityRow": ParityRow,
    "IGroupPlan": GroupPlan,
    "IPlan": Plan,
    "IProfile": Profile,
    "ILogin": SshLogin,
    "IPod": PodFlavour,
    "ICandidate": CandidateView,
    "IDraft": DraftView,
    "IAssociation": AssociationView,
    "ISweepRow": SweepRow,
    "ISweepView": SweepView,
}


def test_every_interface_is_compared() -> None:
    assert set(re.findall(r"export interface (\w+)", WIRE)) == set(MODELS)


@pytest.mark.parametrize("interface", MODELS)
def test_an_interface_names_only_fields_that_the_message_has(interface: str) -> None:
    found = re.search(rf"export interface {interface} {{\n(.*?)\n}}", WIRE, re.DOTALL)
    assert found is not None
    fields = set(re.findall(r"^  readonly (\w+)\??:", found[1], re.MULTILINE))
    assert fields
    assert fields <= set(MODELS[interface].model_fields)


@pytest.mark.parametrize("union", [SiteState, WorkerState])
def test_a_state_has_the_same_words_on_both_sides(union: type[StrEnum]) -> None:
    found = re.search(rf"export type {union.__name__} =(.*?);", WIRE, re.DOTALL)
    assert found is not None
    assert set(re.findall(r"'([\w-]+)'", found[1])) == {it.value for it in union}


def test_the_checkout_is_of_the_version_that_is_installed() -> None:
    assert (
        f'"version": "{jupyter_continuum.__version__}"'
        in (SOURCE.parent / "package.json").read_text()
    )


def test_the_panel_refuses_no_word_that_a_message_may_lack() -> None:
    """What its checks of an answer ask for is a text in every message, and never null."""
    checks = (SOURCE / "answers.ts").read_text()
    found = re.findall(r"record<(\w+)>\(\s*\[(.*?)\]", checks, re.DOTALL)
    assert found
    for interface, words in found:
        fields = MODELS[interface].model_json_schema(mode="serialization")
        for word in re.findall(r"'(\w+)'", words):
            told = fields["properties"][word]
            told = fields["$defs"][told["$ref"].rpartition("/")[2]] if "$ref" in told else told
            assert told.get("type") == "string", f"{interface}.{word}: {told}"
