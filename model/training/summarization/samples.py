"""Texts whose summaries the card shows; written for it, so in no data set."""

_CRACKS = (
    "Road inspection by camera misses cracks that are hidden by shadows. We present ShadeNet, a "
    "segmentation network that first estimates where shadows fall and then adapts its features to "
    "the light of each region. It needs no labels of shadows, since it learns them from pictures "
    "of one place taken at different hours. On 3,200 pictures of six cities, ShadeNet finds 87.4% "
    "of the cracks, against 79.1% for the strongest baseline, and runs at 41 frames per second on "
    "an embedded device."
)
_TABLES = (
    "Language models answer questions about tables well as long as the tables are small. It is "
    "less clear what happens when a table has thousands of rows. We study eight models on tables "
    "of growing length and find that accuracy falls with the distance between the cells that must "
    "be compared, not with the number of rows. Based on this finding we propose row folding, a "
    "simple way to reorder tables before they are read. It improves accuracy by 11 points on "
    "average without any training."
)
_HOSPITALS = (
    "Federated learning lets hospitals train a common model without sharing their patients' data. "
    "However, hospitals that join late often harm those that were there before. We analyse this "
    "effect and show that it comes from the statistics of normalization layers. Our method, "
    "LateJoin, keeps these statistics local and aligns only the remaining weights. In experiments "
    "with 23 hospitals and two diagnostic tasks, newcomers reach the accuracy of the others after "
    "five rounds."
)
_LIBRARY = (
    "The town library will be closed from Monday because its roof has to be repaired. Books can "
    "be returned at the town hall. The director, Anna Weber, expects the work to take six weeks. "
    "Until then a bus with 2,000 books will stop at the market square every Thursday afternoon."
)

SAMPLES = (_CRACKS, _TABLES, _HOSPITALS, _LIBRARY)  # the last is no abstract
