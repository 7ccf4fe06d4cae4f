"""What an item is: its genres, year, tags, words and vectors as a matrix of numbers."""

from recbole_ext.data.content.block import FeatureBlock, ItemFeatures
from recbole_ext.data.content.build import item_features

__all__ = ["FeatureBlock", "ItemFeatures", "item_features"]
