"""The table of settings in the documentation, from the model itself."""

from gateway.settings.model import Settings, named


def settings_table() -> str:
    """Markdown: key in the file, flag, environment, default, meaning, reloaded on SIGHUP."""
    lines = [
        "| Key | Flag | Environment | Default | Meaning | Reloaded |",
        "|---|---|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        how = named(name)
        cells = (
            f"`{name}`",
            f"`{how.flag}`" if how.flag else "",
            f"`{how.env}`" + (f" (`{how.minio}`)" if how.minio else ""),
            _default(field.get_default(call_default_factory=True)),
            field.description or "",
            "yes" if how.reloadable else "",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _default(value: object) -> str:
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, tuple):
        return f"`{','.join(str(item) for item in value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
