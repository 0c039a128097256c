"""The configuration: a YAML file to frozen models, or all that is wrong with it.

Relative paths in the file are meant from the file's own folder, because a daemon's working directory is `/`. A section
that is left out or left empty has its defaults.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, model_validator

from weirlog.daemon.config_alerts import Alerts, Redaction
from weirlog.daemon.config_errors import ConfigurationError, Problem, problems_of, read_document
from weirlog.daemon.config_formats import FieldMapping
from weirlog.daemon.config_model import Model
from weirlog.daemon.config_sections import Batch, Http, Outbox, Section, Security, SelfWatch
from weirlog.daemon.config_sinks import FileSink, KafkaSink, Sink, WebhookSink
from weirlog.daemon.config_sources import FileSource, KafkaSource, Source
from weirlog.daemon.config_types import FilePath, Listen, LoadContext, refuse, shown
from weirlog.daemon.secret import Secret

__all__ = [
    "Alerts",
    "Batch",
    "Config",
    "ConfigurationError",
    "FieldMapping",
    "FileSink",
    "FileSource",
    "Http",
    "KafkaSink",
    "KafkaSource",
    "Listen",
    "Model",
    "Outbox",
    "Problem",
    "Redaction",
    "Secret",
    "Security",
    "SelfWatch",
    "Sink",
    "Source",
    "WebhookSink",
    "json_schema",
    "load_config",
]


def _default_if_empty(value: object) -> object:
    # `batch:` with every key commented out is null in YAML and means the defaults.
    return {} if value is None else value


def _named(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    named = tuple(
        entry if entry.name else entry.model_copy(update={"name": f"{entry.type}-{index}"})
        for index, entry in enumerate(entries)
    )
    twice = [name for name, times in Counter(entry.name for entry in named).items() if times > 1]
    if twice:
        refuse(f"more than one is named {', '.join(twice)}; give each its own name")
    return named


class Config(Section):
    """All of a configuration file."""

    sources: Annotated[tuple[Source, ...], AfterValidator(_named)] = Field(
        min_length=1, description="a list of where logs come from"
    )
    model: Annotated[Model, BeforeValidator(_default_if_empty)] = Model()
    batch: Annotated[Batch, BeforeValidator(_default_if_empty)] = Batch()
    alerts: Annotated[Alerts, BeforeValidator(_default_if_empty)] = Alerts()
    sinks: Annotated[tuple[Sink, ...], AfterValidator(_named)] = Field(
        min_length=1, description="a list of where alerts go"
    )
    outbox: Annotated[Outbox, BeforeValidator(_default_if_empty)] = Outbox()
    selfwatch: Annotated[SelfWatch, BeforeValidator(_default_if_empty)] = SelfWatch()
    state_dir: FilePath = Field(default=Path("/var/lib/weirlog"), description="where progress and alerts are kept")
    http: Http | None = Field(default=Http(), description="null for none")

    @property
    def listen(self) -> Listen | None:
        """Where the web server listens, or None for no web server."""
        return self.http.listen if self.http else None

    @model_validator(mode="after")
    def _no_circle(self) -> Self:
        """A file that is both written and read would feed on itself."""
        files = [sink.path for sink in self.sinks if isinstance(sink, FileSink)]
        if len(set(files)) < len(files):
            refuse("two sinks write one file; give each its own path")
        for source in self.sources:
            for pattern in source.paths if isinstance(source, FileSource) else ():
                for path in files:
                    if fnmatchcase(str(path), pattern):
                        refuse(f"source {source.name} would read what a sink writes: {shown(str(path), 200)}")
        return self


_MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Config,
    ("sources", "file"): FileSource,
    ("sources", "file", "format", "mapping"): FieldMapping,
    ("sources", "kafka"): KafkaSource,
    ("sources", "kafka", "format", "mapping"): FieldMapping,
    ("sources", "kafka", "security"): Security,
    ("model",): Model,
    ("batch",): Batch,
    ("alerts",): Alerts,
    ("sinks", "file"): FileSink,
    ("sinks", "kafka"): KafkaSink,
    ("sinks", "kafka", "security"): Security,
    ("sinks", "webhook"): WebhookSink,
    ("outbox",): Outbox,
    ("selfwatch",): SelfWatch,
    ("http",): Http,
}


def load_config(path: Path, environ: Mapping[str, str] | None = None) -> Config:
    """Read and validate a configuration file, with its secrets.

    Args:
        path: the file.
        environ: where `{env: NAME}` is looked up; the process's environment by default.

    Raises:
        ConfigurationError: with everything that is wrong.
    """
    document = read_document(path)
    if document.content is None:
        raise ConfigurationError(path, [Problem("", "is empty; it needs at least sources and sinks")])
    if not isinstance(document.content, dict):
        raise ConfigurationError(path, [Problem("", "is no mapping; begin with the key sources:", 1)])
    context = LoadContext(path.absolute().parent, os.environ if environ is None else environ)
    try:
        return Config.model_validate(document.content, context=context)
    except ValidationError as error:
        # Without the cause: pydantic's own text would quote the input.
        raise ConfigurationError(path, problems_of(error, document, _MODELS)) from None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the configuration, for editors."""
    schema = Config.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "weirlog configuration"}
