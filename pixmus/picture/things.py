"""`things_seen`: about 40 things a composer cares for, out of ImageNet's 1,000 classes.

The classes are those of ILSVRC 2012 in their usual order. A thing's share is the sum of its
classes' probabilities: a beach that might be a sandbar, a seashore or a breakwater is the sea.
ImageNet knows no person, no night and no fire by name, and so do we.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from pixmus.picture.efficientnet import NUM_CLASSES

SAID_FROM = 0.6  # the least share of a thing, over a shot, that is said of it (experiment 80)
# Thing: its classes, single or from-to. A class may stand in none, never in two.
_CLASSES = {
    "sea or lake": "437 460 525 536 718 801 973 975-978 983",
    "boat": "403 449 472 484 510 554 576 625 628 693 694 724 780 814 833 871 913 914",
    "mountains": "970 972 979 980",
    "snow": "450 537 795 802 803",
    "geyser": "974",
    "field": "595 730 856 866 958 984 987",
    "flowers": "985 986 989 738",
    "mushrooms": "947 991-997",
    "bridge": "821 839 888",
    "church": "406 442 497 538 663 668 832 884",
    "castle": "483 698 500",
    "monuments": "649 682 873 863",
    "village": "425 853 858 915 410 716 825 912",
    "street": "704 733 877 919 920 640 917 498",
    "shop": "424 509 788 860 415 467 454 582 865 762",
    "vehicles": "407 408 436 468 475 479 511 555 569 573 575 581 609 612 627 654 656 661 665 670 "
    "675 705 717 734 751 757 779 817 864 867 874 829 586",
    "train": "466 547 565 820",
    "bicycle": "444 671 870 880",
    "flight": "404 405 417 701 744 812 895 908 657",
    "weapons": "413 471 763 764 777 847 491 597 652 715 465 461 524 490 787",
    "machines": "517 540 561 634 740 755 807 545 535 753 786 811",
    "sport": "416 422 429 430 522 543 560 574 602 702 722 736 746 747 752 768 770 805 852 890 981",
    "swimming": "433 445 639 842",
    "stage": "818 819 854 781 632 650",
    "music": "401 402 420 432 486 494 513 541 542 546 558 566 577 579 593 594 641 642 683 684 687 "
    "699 776 822 875 881 889",
    "wedding": "982 578",
    "food": "923-946 948-957 959-965 567 659 809 910 909",
    "drink": "440 441 504 505 550 572 737 898 899 901 907 967 966 968 969 725 503 849",
    "kitchen": "499 521 534 544 651 729 760 827 859 891 469 766 512 618 623 813",
    "home": "431 493 495 526 532 548 553 556 564 598 619 703 706 721 750 765 789 794 799 831 846 "
    "894 904 905 435 861 896 897 516 520",
    "screens": "508 527 590 592 605 620 664 673 681 761 782 810 851 916 487 742 713 745 878",
    "books": "453 624 921 446",
    "toys": "476 643 645 646 850 843 611 607 719",
    "clock": "409 530 531 604 826 835 892",
    "dog": "151-268",
    "cat": "281-285",
    "wild animals": "269-280 286-299 101-106 330-338 340-388",
    "horse": "339 603 690",
    "birds": "7-24 80-100 127-146 448",
    "sea animals": "0-6 107-126 147-150 327-329 389-397",
    "reptiles": "25-68",
    "insects": "69-79 300-326 815",
}


@cache
def _membership() -> tuple[tuple[str, ...], np.ndarray]:
    """The things' names, and float32 (NUM_CLASSES, things): 1 where a class belongs to a thing."""
    names = tuple(_CLASSES)
    table = np.zeros((NUM_CLASSES, len(names)), dtype=np.float32)
    for column, classes in enumerate(_CLASSES.values()):
        for span in classes.split():
            first, _, last = span.partition("-")
            table[int(first) : int(last or first) + 1, column] = 1
    return names, table


def things_seen(classes: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """The things' names and shares (n, things), 0..1, of probabilities (n, NUM_CLASSES)."""
    names, table = _membership()
    return names, classes @ table
