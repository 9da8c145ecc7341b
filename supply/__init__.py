"""What we are given by others: the pins with their hashes, the bill of materials, known holes.

python -m supply.hashes     writes each pin's hashes into the requirements files (make hashes)
python -m supply.image      writes the image that runs Maalem, with its bill (make image)
python -m supply.sbom       writes the bill of materials of what is installed (make sbom)
python -m supply.audit      asks whether holes are known in any pin (make audit)
"""
