"""What is to be read in a figure."""

from matplotlib.text import Text


def all_words(figure):
    """All text in a figure, a line each; line breaks within a text become blanks."""
    return "\n".join(text.get_text().replace("\n", " ") for text in figure.findobj(Text))


def curve(axes, label):
    """x and y of the line whose label begins like this."""
    (line,) = [line for line in axes.get_lines() if line.get_label().startswith(label)]
    return line.get_data()
