"""The table of settings in the documentation, from the model itself."""

from gateway.settings.model import Settings, in_order, named


def settings_table() -> str:
    """Markdown: key in the file, flag, environment, default, meaning, reloaded on SIGHUP."""
    lines = [
        "| Key | Flag | Environment | Default | Meaning | Reloaded |",
        "|---|---|---|---|---|---|",
    ]
    for name in in_order():
        field = Settings.model_fields[name]
        how, default = named(name), written_default(name)
        cells = (
            f"`{name}`",
            f"`{how.flag}`" if how.flag else "",
            f"`{how.env}`" + (f" (`{how.minio}`)" if how.minio else ""),
            f"`{default}`" if default else "",
            field.description or "",
            "yes" if how.reloadable else "",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def written_default(name: str) -> str:
    """The default of a setting as its flag would be given it; empty if it has none."""
    value = Settings.model_fields[name].get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
