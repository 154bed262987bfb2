"""The shape of a suite file: its keys, their types, defaults and meaning (pydantic models)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, Field

from ganbench.registry import Option
from ganbench.training.description import Precision, Switch

MOST_SEEDS = 100_000
MOST_POINTS = 1_000
Count = Annotated[int, Ge(1), Le(MOST_SEEDS)]
Points = Annotated[int, Ge(1), Le(MOST_POINTS)]
Seed = Annotated[int, Ge(0), Le(2**63 - 1)]
Fraction = Annotated[float, Gt(0), Le(1)]
Workers = Annotated[int, Ge(1), Le(4096)]


class Section(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(extra="forbid")


class SeedRange(Section):
    """Consecutive seeds."""

    first: Seed = Field(0, description="the first seed")
    count: Count = Field(description="how many seeds")


class BudgetSection(Section):
    """How much training each seed gets: exactly one of these."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1})

    images: Annotated[int, Gt(0)] = Field(0, description="real examples shown to the discriminator")
    steps: Annotated[int, Gt(0)] = Field(0, description="discriminator updates")
    seconds: Annotated[float, Gt(0)] = Field(0, description="training time, measuring excluded")
    flops: Annotated[float, Gt(0)] = Field(
        0, description="floating-point operations of matrix products and convolutions"
    )


class MeasureSection(Section):
    """When the diagnostics look: points of the budget."""

    points: Points | list[Fraction] = Field(8, description="how many, or ascending fractions of the budget")
    spacing: Literal["linear", "log"] = Field("linear", description="of counted points: even, or by ratio")
    initial: bool = Field(True, description="whether to measure before training too")


class DiagnosticsSection(Section):
    """The diagnostics that a suite has where it names none, with changes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    add: list[Any] = Field(
        [], description="diagnostics by name; one takes the place of the default of its name"
    )
    remove: list[str] = Field([], description="names of default diagnostics to leave out")


class EngineSection(Section):
    """How the numbers are computed."""

    precision: Precision = Field("float32", description="of parameters and arithmetic")
    compile: Switch = Field("auto", description="whether the training step is compiled")
    vectorize: Switch = Field("auto", description="whether a cohort's seeds are one program")
    processes: Workers | None = Field(None, description="worker processes; null: one per core")
    threads: Workers | None = Field(None, description="threads of each process; null: cores / processes")


Seeds = Count | list[Seed] | SeedRange


class VariantEntry(Section):
    """What may stand beside a variant's name, in place of what the suite says for all."""

    budget: BudgetSection | None = Field(None, description="this variant's own budget; it is ranked apart")
    seeds: Seeds | None = Field(None, description="this variant's own seeds")
    on: list[str] | None = Field(None, description="the data sets it is for, by label or name; else all")


class SuiteFile(Section):
    """A ganbench suite: variants on data sets, under one budget and over the same seeds, or their own."""

    name: str | None = Field(None, description="the suite's name; default: the file's name")
    include: list[str] = Field([], description="Python files, relative to this one, whose plug-ins are used")
    datasets: list[Any] = Field(description="data sets by name, with options; a list of values is a sweep")
    variants: list[Any] = Field(description="variants by name, with options; a list of values is a sweep")
    seeds: Seeds = Field(description="how many seeds (0, 1, …), or which")
    budget: BudgetSection = Field(description="how much training each seed gets")
    measure: Points | list[Fraction] | MeasureSection = Field(8, description="when the diagnostics look")
    diagnostics: list[Any] | DiagnosticsSection = Field(
        [], description="diagnostics by name, or {add, remove}; default: all cheap ones that apply"
    )
    engine: EngineSection = Field(
        default_factory=lambda: EngineSection.model_validate({}), description="how the numbers are computed"
    )


def fields_of(section: type[Section]) -> dict[str, Option]:
    """A section's keys in the form of a factory's options."""
    return {
        name: Option(
            name,
            Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation,
            None if field.is_required() else field.get_default(call_default_factory=True),
            field.description or "",
            field.is_required(),
        )
        for name, field in section.model_fields.items()
    }
